// How numbers are written. A figure that is not there is a dash.

const none = '–';

// Keeps a number and its unit on one line.
const space = '\u00a0';

/** A number with as many decimals as three digits leave room for. */
export const number = value => {
  if (value === null || value === undefined) {
    return none;
  }

  const digits = Math.abs(value) >= 100 || value === 0 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
};

/** A whole number. */
export const count = value => value === null || value === undefined ? none : value.toLocaleString('en-US', { maximumFractionDigits: 0 });

/** A share as a percentage. */
export const percent = share => share === null || share === undefined ? none : `${(share * 100).toFixed(1)}${space}%`;

/** FLOPs with a prefix. */
export const flops = value => {
  if (value === null || value === undefined) {
    return none;
  }

  const [size, unit] = [[1e15, 'P'], [1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']].find(([least]) => value >= least) ?? [1, ''];
  return `${number(value / size)}${space}${unit}FLOPs`;
};

/** An effort. */
export const effort = value => value === null || value === undefined ? none : value.toFixed(2);
