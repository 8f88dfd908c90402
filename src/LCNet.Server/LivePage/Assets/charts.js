// Small drawings.

import { svg } from './dom.js';

/** A line over the seconds of the window, newest at the right; a gap where there is no value. */
export const drawLine = (target, values, seconds) => {
  const width = seconds;
  const height = 20;
  const most = Math.max(...values.filter(value => value !== null), 0);
  const start = width - values.length + 1;
  const point = (value, i) => `${start + i} ${(height - (most > 0 ? value / most : 0) * height).toFixed(2)}`;
  const strokes = [];
  const areas = [];
  let run = [];
  const finish = () => {
    if (run.length > 0) {
      const line = run.map(([value, i]) => point(value, i)).join('L');
      strokes.push(`M${line}${run.length === 1 ? 'h.5' : ''}`);
      areas.push(`M${start + run[0][1]} ${height}L${line}L${start + run.at(-1)[1]} ${height}z`);
      run = [];
    }
  };
  values.forEach((value, i) => value === null ? finish() : run.push([value, i]));
  finish();
  target.setAttribute('viewBox', `0 0 ${width} ${height}`);
  target.replaceChildren(svg('path', { class: 'area', d: areas.join('') }), svg('path', { class: 'stroke', d: strokes.join('') }));
};

/** Counts of equal steps from 0 to 1 as bars. */
export const drawSpread = (target, counts) => {
  const most = Math.max(...counts, 1);
  target.setAttribute('viewBox', `0 0 ${counts.length} 10`);
  target.setAttribute('preserveAspectRatio', 'none');
  const bars = counts.map((count, i) => svg('rect', { x: i + 0.06, width: 0.88, y: 10 - 9.8 * count / most, height: 9.8 * count / most }));
  target.replaceChildren(svg('line', { x1: 0, x2: counts.length, y1: 10, y2: 10 }), ...bars);
};
