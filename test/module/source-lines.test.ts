// Lines of sources, from maps that are written here.

import test from 'ava';
import { SourceLines } from '../../host/module/source-lines.ts';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function digits(value: number): string {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = '';
  do {
    const low = rest & 31;
    rest >>>= 5;
    text += DIGITS[rest === 0 ? low : low | 32];
  } while (rest !== 0);
  return text;
}

/** An offset alone: from there on nothing is known. */
type Place = readonly [offset: number, source: number, line: number] | readonly [offset: number];

function lines(sources: readonly string[], places: readonly Place[], more = {}): SourceLines {
  let [offset, source, line] = [0, 0, 0];
  const mappings = places.map((place) => {
    if (place.length === 1) {
      const text = digits(place[0] - offset);
      [offset] = place;
      return text;
    }
    const text = [place[0] - offset, place[1] - source, place[2] - line, 0].map(digits).join('');
    [offset, source, line] = place;
    return text;
  });
  const map = { version: 3, sources, mappings: mappings.join(','), ...more };
  return SourceLines.of(JSON.stringify(map))!;
}

const SOURCES = ['src/mine.ts', '~lib/array.ts'];

test('an instruction has the line of the place before it', (t) => {
  const map = lines(SOURCES, [
    [10, 0, 4],
    [20, 0, 7],
  ]);
  t.is(map.at(9), null);
  t.is(map.at(10), 'src/mine.ts:5:1');
  t.is(map.at(19), 'src/mine.ts:5:1');
  t.is(map.at(400), 'src/mine.ts:8:1');
});

test('an instruction of an inlined function of a library has the line of its author, too', (t) => {
  const map = lines(SOURCES, [
    [10, 0, 4],
    [20, 1, 98],
    [30, 1, 99],
    [40, 0, 5],
  ]);
  t.is(map.at(25), 'src/mine.ts:5:1, in ~lib/array.ts:99:1');
  t.is(map.at(35), 'src/mine.ts:5:1, in ~lib/array.ts:100:1');
  t.is(map.at(45), 'src/mine.ts:6:1');
});

test('a function of a library that is not inlined has its own line alone', (t) => {
  const long = Array.from({ length: 100 }, (_, index): Place => [20 + index, 1, index]);
  const map = lines(SOURCES, [[10, 0, 4], ...long]);
  t.is(map.at(21), 'src/mine.ts:5:1, in ~lib/array.ts:2:1');
  t.is(map.at(119), '~lib/array.ts:100:1');
  t.is(lines(SOURCES, [[10, 1, 3]]).at(11), '~lib/array.ts:4:1');
});

const ABORT: readonly Place[] = [[10, 0, 4], [20, 1, 92], [30], [80, 0, 5]];

test('the call of abort, of which a map says nothing, has the line of what was checked', (t) => {
  const map = lines(SOURCES, ABORT);
  t.is(map.at(40, true), 'src/mine.ts:5:1, in ~lib/array.ts:93:1');
  t.is(map.at(59, true), 'src/mine.ts:5:1, in ~lib/array.ts:93:1');
  t.is(map.at(60, true), null);
  t.is(map.at(31, true), null, 'the beginning of a function');
  t.is(map.at(40), null, 'a trap, and no call');
  t.is(map.at(80), 'src/mine.ts:6:1');
  t.is(lines(SOURCES, [[10], [20, 0, 4]]).at(19, true), null);
});

test('behind the end of a function no line of that function is told', (t) => {
  t.is(lines(SOURCES, ABORT, { x_functionEnds: true }).at(40, true), null);
});

test('a place in a source that the map does not name is none', (t) => {
  const map = lines(SOURCES, [
    [10, 7, 4],
    [20, 1, 5],
  ]);
  t.is(map.at(10), null);
  t.is(map.at(20), '~lib/array.ts:6:1');
});
