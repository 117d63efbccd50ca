// Two kinds of chart: dots by row on a shared axis, and curves over percentiles. They know shapes and
// colours, and nothing of what is shown.

import {
  INK,
  line,
  linear,
  logarithmic,
  mark,
  picture,
  polyline,
  type Shape,
  text,
} from './svg.ts';

export interface Series {
  readonly name: string;
  readonly colour: string;
  readonly shape: Shape;
}

export interface Row {
  readonly label: string;
  /** By series, in the same order; NaN is left out. */
  readonly values: readonly number[];
}

const WIDTH = 760;
const RIGHT = 24;
const ROW = 26;
const MARK = 5;
const FAINT = { 'stroke-opacity': 0.3 };

/** As wide as the words are, about. */
const LETTER = 6.6;

function legend(series: readonly Series[], y: number): { parts: string[]; height: number } {
  const parts: string[] = [];
  let [x, row] = [14, y];
  for (const { name, colour, shape } of series) {
    const width = 30 + name.length * LETTER;
    if (x + width > WIDTH) [x, row] = [14, row + 18];
    parts.push(mark(shape, x, row - 4, colour, MARK), text(x + 11, row, name));
    x += width;
  }
  return { parts, height: row - y + 18 };
}

function heading(title: string, subtitle: string): string[] {
  return [
    text(8, 20, title, { 'font-size': 15, 'font-weight': 600 }),
    text(8, 38, subtitle, { 'font-size': 12 }),
  ];
}

/** A row for each case; a dot for each series, at its multiple of the line at 1. */
export function dotChart(options: {
  readonly title: string;
  readonly subtitle: string;
  readonly series: readonly Series[];
  readonly rows: readonly Row[];
}): string {
  const { title, subtitle, series, rows } = options;
  const ticks = ratioTicks(rows.flatMap(({ values }) => values));
  const left = 24 + Math.max(...rows.map(({ label }) => label.length)) * LETTER;
  const key = legend(series, 62);
  const top = 62 + key.height + 6;
  const bottom = top + rows.length * ROW;
  const at = logarithmic([ticks[0]!, ticks.at(-1)!], [left, WIDTH - RIGHT]);
  const parts = [...heading(title, subtitle), ...key.parts];
  for (const tick of ticks) {
    const style = tick === 1 ? { 'stroke-width': 1.5 } : FAINT;
    parts.push(line([at(tick), top], [at(tick), bottom], style));
    parts.push(text(at(tick), bottom + 16, `${tick}×`, { 'text-anchor': 'middle' }));
  }
  for (const [index, { label, values }] of rows.entries()) {
    const y = top + (index + 0.5) * ROW;
    parts.push(text(left - 14, y + 4, label, { 'text-anchor': 'end' }));
    parts.push(line([left, y], [WIDTH - RIGHT, y], FAINT));
    // The first series lie on top.
    for (const [which, { colour, shape }] of [...series.entries()].reverse()) {
      const value = values[which];
      if (value === undefined || Number.isNaN(value)) continue;
      parts.push(mark(shape, at(value), y, colour, MARK));
    }
  }
  return picture(WIDTH, bottom + 28, title, parts);
}

export interface Curve {
  readonly series: Series;
  /** Percentile (0 to 100, exclusive) and value. */
  readonly points: readonly (readonly [number, number])[];
}

/** Percentiles on an axis that gives each further nine the same room, values on a logarithmic one. */
export function percentileChart(options: {
  readonly title: string;
  readonly subtitle: string;
  readonly unit: string;
  readonly curves: readonly Curve[];
}): string {
  const { title, subtitle, unit, curves } = options;
  const key = legend(
    curves.map(({ series }) => series),
    62,
  );
  const [left, top, height] = [64, 62 + key.height + 6, 260];
  const bottom = top + height;
  const values = curves.flatMap(({ points }) => points.map(([, value]) => value));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const y = logarithmic([low * 0.9, high * 1.1], [bottom, top]);
  const percents = curves[0]?.points.map(([percent]) => percent) ?? [];
  const nines = (percent: number): number => -Math.log10(1 - percent / 100);
  const x = linear([nines(percents[0]!), nines(percents.at(-1)!)], [left, WIDTH - RIGHT]);
  const parts = [...heading(title, subtitle), ...key.parts];
  for (const percent of percents) {
    const across = x(nines(percent));
    parts.push(line([across, top], [across, bottom], FAINT));
    parts.push(text(across, bottom + 16, `p${percent}`, { 'text-anchor': 'middle' }));
  }
  for (const tick of ticksBetween(low, high)) {
    parts.push(line([left, y(tick)], [WIDTH - RIGHT, y(tick)], FAINT));
    const label = `${tick.toLocaleString('en')} ${unit}`;
    parts.push(text(left - 6, y(tick) + 4, label, { 'text-anchor': 'end', 'font-size': 11 }));
  }
  for (const { series, points } of [...curves].reverse()) {
    const places = points.map(([percent, value]) => [x(nines(percent)), y(value)] as const);
    parts.push(polyline(places, { stroke: series.colour, 'stroke-width': 1.8 }));
    for (const [across, up] of places) parts.push(mark(series.shape, across, up, series.colour, 4));
  }
  parts.push(line([left, bottom], [WIDTH - RIGHT, bottom], { stroke: INK }));
  return picture(WIDTH, bottom + 28, title, parts);
}

// Far enough apart to be written side by side.
const RATIOS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 2, 2.5, 3, 4, 6, 8, 12];

/** Those between the values, 1, and one beyond at each end. */
function ratioTicks(values: readonly number[]): number[] {
  const known = values.filter((value) => !Number.isNaN(value));
  const [low, high] = [Math.min(0.9, ...known), Math.max(1.1, ...known)];
  const first = RATIOS.findLastIndex((tick) => tick <= low);
  const last = RATIOS.findIndex((tick) => tick >= high);
  return RATIOS.slice(Math.max(0, first), last < 0 ? RATIOS.length : last + 1);
}

/** 1, 2 and 5 times the powers of ten between the two. */
function ticksBetween(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
    ticks.push(...[1, 2, 5].map((part) => part * power));
  }
  return ticks.filter((tick) => tick >= low * 0.9 && tick <= high * 1.1);
}
