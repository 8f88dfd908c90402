// Draws which blocks and channels an image used.

import { byId, element, svg } from './dom.js';

// Cells in a row: as many for every block, so that a cell is a channel everywhere.
const columns = matchMedia('(max-width: 44rem)').matches ? 32 : 64;
const inset = 0.1;

/** Draws the plan of a reply. */
export const drawPlan = blocks => byId('plan').replaceChildren(...blocks.map(row));

const row = (block, i) => {
  const said = block.executed ? `${block.channels.length} of ${block.channelsTotal}` : 'skipped';
  const item = element('li', block.executed ? '' : 'skipped', '', element('span', 'name', String(i)), drawing(block, i, said), element('span', 'said', said));
  item.dataset.kept = block.channels.join(' ');
  item.dataset.channels = block.channelsTotal;
  return item;
};

const drawing = (block, i, said) => {
  const kept = new Set(block.channels);
  const all = Array.from({ length: block.channelsTotal }, (_, channel) => channel);
  const made = svg('svg', {
    viewBox: `0 0 ${columns} ${Math.ceil(block.channelsTotal / columns)}`,
    role: 'img',
    'aria-label': `Block ${i}: ${said}${kept.size > 0 ? ' channels' : ''}`,
  });
  made.append(
    svg('path', { class: 'off', d: all.filter(channel => !kept.has(channel)).map(cell).join('') }),
    svg('path', { class: 'on', d: block.channels.map(cell).join('') }));
  return made;
};

const cell = channel => `M${channel % columns + inset} ${Math.floor(channel / columns) + inset}h${1 - 2 * inset}v${1 - 2 * inset}h-${1 - 2 * inset}z`;
