// Links of Markdown texts, and the anchors of their headings as GitHub and npm make them. Knows no
// file: who asks says which exist and what they hold.

export interface Place {
  /** Whether there is a file of this path, seen from the root. */
  has(path: string): boolean;
  /** Its text; only asked for Markdown files that exist. */
  read(path: string): string;
}

// Nothing in code is a link, and nothing in a block of it a heading.

const withoutFences = (text: string): string =>
  text.replaceAll(/^ *(`{3,}|~{3,})[^\n]*\n[\s\S]*?^ *\1[^\n]*$/gm, '');

const withoutCode = (text: string): string =>
  withoutFences(text).replaceAll(/(?<!`)(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g, '');

/** Targets of inline links, images, reference definitions, and HTML's `href` and `src`. */
export function linksOf(text: string): string[] {
  const found = withoutCode(text).matchAll(
    /\]\(\s*<?([^\s)>]*)|^ *\[[^\]]+\]:\s*<?([^\s>]+)|<\w+\s[^>]*?\b(?:href|src)="([^"]*)"/gm,
  );
  return [...found].map(([, inline, reference, html]) => inline ?? reference ?? html ?? '');
}

/** The anchors of its headings, in order; the second of the same name ends in -1, and so on. */
export function anchorsOf(text: string): string[] {
  const seen = new Map<string, number>();
  return [...withoutFences(text).matchAll(/^#{1,6} +(.*?) *#* *$/gm)].map(([, heading]) => {
    const words = heading!.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words.replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '').replaceAll(' ', '-');
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    return times === 0 ? anchor : `${anchor}-${times}`;
  });
}

/** Those links of a file that lead nowhere, each with the reason. Other hosts are not asked. */
export function brokenLinks(file: string, place: Place): string[] {
  return linksOf(place.read(file)).flatMap((link) => {
    const why = /^[a-z][a-z\d+.-]*:/i.test(link) ? outside(link) : inside(file, link, place);
    return why === null ? [] : [`${file}: ${link}: ${why}`];
  });
}

const outside = (link: string): string | null =>
  link.startsWith('https://') ? null : 'only https: links lead outside';

function inside(file: string, link: string, place: Place): string | null {
  const [target = '', anchor] = link.split('#');
  const base = new URL(file, 'file:///package/');
  const url = new URL(target === '' ? base.pathname : target, base);
  if (!url.pathname.startsWith('/package/')) return 'outside of the package';
  const path = decodeURIComponent(url.pathname.slice('/package/'.length));
  if (!place.has(path)) return 'no such file';
  if (anchor === undefined) return null;
  if (!path.endsWith('.md')) return 'an anchor in a file that is not Markdown';
  return anchorsOf(place.read(path)).includes(anchor) ? null : 'no such heading';
}
