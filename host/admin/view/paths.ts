// Paths: values as SVG draws them: a step to the right for each slot, NaN a gap, and `top` the highest there is.

/** What paths are drawn in, from top to ground. */
export const HEIGHT = 48;
/** Room for half a line's width above and below. */
const MARGIN = 2;

/** The line through the values, broken where there are none; a lone value is a dot. */
export function lineOf(values: Float64Array, top: number): string {
  let path = '';
  let drawing = false;
  for (const [index, value] of values.entries()) {
    if (Number.isNaN(value)) {
      drawing = false;
      continue;
    }
    const point = `${index} ${yOf(value, top)}`;
    const alone = !drawing && Number.isNaN(values[index + 1] ?? Number.NaN);
    path += `${drawing ? 'L' : 'M'}${point}${alone ? `h.01` : ''}`;
    drawing = true;
  }
  return path;
}

/**
 * An upright for each value above 0.
 * @param below what it stands on; null is the ground
 */
export function barsOf(values: Float64Array, below: Float64Array | null, top: number): string {
  let path = '';
  for (const [index, value] of values.entries()) {
    const ground = below?.[index] || 0;
    if (value > 0) path += `M${index} ${yOf(ground, top)}V${yOf(ground + value, top)}`;
  }
  return path;
}

/** What lies below the line. */
export function areaOf(values: Float64Array, top: number): string {
  let path = '';
  for (let index = 0; index < values.length; index += 1) {
    if (Number.isNaN(values[index]!)) continue;
    const first = index;
    path += `M${index} ${HEIGHT}`;
    for (; index < values.length && !Number.isNaN(values[index]!); index += 1) {
      path += `L${index} ${yOf(values[index]!, top)}`;
    }
    if (index - 1 > first) path += `L${index - 1} ${HEIGHT}Z`;
  }
  return path;
}

const yOf = (value: number, top: number): string =>
  (HEIGHT - MARGIN - (value / top) * (HEIGHT - 2 * MARGIN)).toFixed(1);

/** Of several series; null when they have no value. */
export function highest(lines: readonly Float64Array[]): number | null {
  let found: number | null = null;
  for (const values of lines) {
    for (const value of values) if (value > (found ?? Number.NEGATIVE_INFINITY)) found = value;
  }
  return found;
}
