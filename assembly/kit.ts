// The author's kit, a layer on the raw ABI: `import { input, reply } from 'wasmpoll/assembly/kit'`.
// docs/guests.md introduces it. A guest exports its callbacks itself, as with the raw ABI.

import * as input from './kit/input';

export * from './abi';
export * from './kit/byte-map';
export { Bytes, literal, view, viewOf } from './kit/bytes';
export * from './kit/connection';
export { draft, Output, reply } from './kit/output';
export { input };
