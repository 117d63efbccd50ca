// The author's kit, a layer on the raw ABI: `import { input, reply } from 'wasmpoll/assembly/kit'`.
// docs/guests.md introduces it. A guest exports its callbacks itself, as with the raw ABI.

import * as config from './kit/config';
import * as input from './kit/input';
import * as store from './kit/store';

export * from './abi';
export { ByteMap } from './kit/byte-map';
export { Bytes, literal, view, viewOf } from './kit/bytes';
export {
  Connection,
  connect,
  connectionOf,
  Session,
  stateSize,
  tail,
} from './kit/connection';
export { matchesGlob } from './kit/glob';
export { NAMES_HEAD, Names, namesAt } from './kit/names';
export { dropNote, keepNote, NOTE_HEAD, note } from './kit/notes';
export { draft, Output, reply } from './kit/output';
export { addToRanges, inRanges, rangesSize, takeFromRanges } from './kit/ranges';
export {
  Counter,
  Gauge,
  Histogram,
  log,
  logBytes,
  now,
  publish,
  publishFor,
  random,
  wall_clock,
} from './kit/surroundings';
export { levelsBefore, nameOf, patternOf, topicOf } from './kit/topic-names';
export { covers, isPattern, isTopic, overlaps } from './kit/topics';
export { releaseWords, takeWord } from './kit/words';
export { config, input, store };
