// Elements of SVG, and scales. Text and lines are of a grey that stands out from white and from black
// alike, so that a chart needs no background.

export const INK = '#7b828c';

export type Scale = (value: number) => number;

/** Maps `from` to pixels, by proportion; values beyond the ends stay at them. */
export function linear(from: readonly [number, number], to: readonly [number, number]): Scale {
  return (value) => {
    const part = (value - from[0]) / (from[1] - from[0]);
    return to[0] + Math.min(1, Math.max(0, part)) * (to[1] - to[0]);
  };
}

/** The same for logarithms: equal ratios are equal distances. */
export function logarithmic(from: readonly [number, number], to: readonly [number, number]): Scale {
  const scale = linear([Math.log(from[0]), Math.log(from[1])], to);
  return (value) => scale(Math.log(value));
}

type Attributes = Readonly<Record<string, string | number>>;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

const shown = (value: string | number): string =>
  typeof value === 'number' ? String(Math.round(value * 10) / 10) : escaped(value);

export function element(name: string, attributes: Attributes, content = ''): string {
  const list = Object.entries(attributes).map(([key, value]) => ` ${key}="${shown(value)}"`);
  return content === ''
    ? `<${name}${list.join('')}/>`
    : `<${name}${list.join('')}>${content}</${name}>`;
}

export const text = (x: number, y: number, content: string, attributes: Attributes = {}): string =>
  element('text', { x, y, ...attributes }, escaped(content));

export const line = (
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
  attributes: Attributes = {},
): string => element('line', { x1, y1, x2, y2, stroke: INK, ...attributes });

export const polyline = (
  points: readonly (readonly [number, number])[],
  attributes: Attributes,
): string => {
  const list = points.map((point) => point.map(shown).join(',')).join(' ');
  return element('polyline', { points: list, fill: 'none', ...attributes });
};

/** Marks differ in shape as well as in colour. */
export type Shape = 'circle' | 'diamond' | 'square' | 'triangle' | 'cross' | 'ring';

export function mark(shape: Shape, x: number, y: number, colour: string, size: number): string {
  const path = (d: string): string => element('path', { d, fill: colour });
  const [a, b] = [shown(x), shown(y)];
  switch (shape) {
    case 'circle':
      return element('circle', { cx: x, cy: y, r: size * 0.85, fill: colour });
    case 'ring':
      return element('circle', {
        cx: x,
        cy: y,
        r: size * 0.7,
        fill: 'none',
        stroke: colour,
        'stroke-width': 1.6,
      });
    case 'square':
      return path(
        `M${a} ${b}m${-size * 0.75} ${-size * 0.75}h${size * 1.5}v${size * 1.5}h${-size * 1.5}z`,
      );
    case 'diamond':
      return path(
        `M${a} ${b}m0 ${-size * 1.25}l${size} ${size * 1.25}l${-size} ${size * 1.25}l${-size} ${-size * 1.25}z`,
      );
    case 'triangle':
      return path(`M${a} ${b}m0 ${-size}l${size} ${size * 1.8}h${-size * 2}z`);
    case 'cross':
      return element('path', {
        d: `M${a} ${b}m${-size * 0.75} ${-size * 0.75}l${size * 1.5} ${size * 1.5}m0 ${-size * 1.5}l${-size * 1.5} ${size * 1.5}`,
        stroke: colour,
        'stroke-width': 2,
      });
  }
}

/** A whole picture. `title` is what a screen reader says. */
export const picture = (
  width: number,
  height: number,
  title: string,
  parts: readonly string[],
): string =>
  `${element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: 'img',
      'font-family': 'system-ui, sans-serif',
      'font-size': 12,
      fill: INK,
    },
    `\n${[element('title', {}, escaped(title)), ...parts].join('\n')}\n`,
  )}\n`;
