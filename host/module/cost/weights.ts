// Weights: what an engine pays for each kind of instruction. Numbers only; docs/decisions.md says how they
// were measured.

// A unit is the copy that V8's baseline compiler makes of the state of one local or operand where
// control splits or meets: 14 bytes and 8 ns. All weights are in this unit, see docs/decisions.md.
export const BLOCK = 1;
export const IF = 2;
export const ELSE = 1;
export const CATCH = 1;
// Branches and calls walk over the state, and copy nothing.
export const BRANCH = 1 / 4;
export const CALL = 1 / 8;
// The code that moves the values of a call; with many of them the work is quadratic.
export const VALUE = 8;
export const PAIR = 1 / 8;
// The optimising compiler merges, for each branch to a label, each local that is assigned inside.
export const MERGE = 9;
export const LOOP_MERGES = 2;
// A local that is declared: 1 to 2 ns each time the body is checked, which an engine does with every function
// before the module can be used.
export const LOCAL = 1;
// Instructions that copy no state: all; those that reach into memory; calls and other long code.
export const INSTRUCTION = 8;
export const ACCESS = 8;
export const SLOW = 64;
// Blocks and handlers of exceptions, however little there is to copy.
export const LABEL = 24;
export const HANDLER = 200;
