// A RESP2 server: PING ECHO SET GET DEL INCR COMMAND CONFIG. Its keys are this instance's own.

import {
  ByteMap,
  Bytes,
  Connection,
  draft,
  input,
  reply,
  Session,
  stateSize,
  viewOf,
} from '../../../assembly/kit';

export * from '../../../assembly/guest';

const MAX_ARGUMENTS = 1024;
const MAX_BULK = 1 << 26;

const store = new ByteMap<ArrayBuffer | null>();
const number = draft();
const args = new StaticArray<Bytes>(MAX_ARGUMENTS);
let count = 0;

export function state_size(): i32 {
  return stateSize<Session>();
}

export function on_data(connection: Connection, session: Session, data: usize, length: i32): i32 {
  input.begin(connection, session, data, length);
  while (input.next()) {
    if (input.skip('*')) array();
    else inline();
    if (input.ok() && count > 0) run();
  }
  if (input.bad()) {
    reply.text('-ERR Protocol error\r\n');
    connection.close();
  }
  return input.finish();
}

// "*" count CRLF, then count times: "$" length CRLF bytes CRLF
function array(): void {
  count = <i32>input.decimalLine(0, MAX_ARGUMENTS);
  for (let i = 0; i < count && input.ok(); i++) {
    input.expect('$');
    const length = <i32>input.decimalLine(0, MAX_BULK);
    args[i] = input.bytesLine(length);
  }
}

// words, and the end of a line
function inline(): void {
  const line = input.line();
  count = 0;
  while (line.length > 0 && count < MAX_ARGUMENTS) {
    const word = line.cut(' ');
    if (word.length > 0) args[count++] = word;
  }
}

function run(): void {
  const name = unchecked(args[0]);
  if (name.like('ping')) {
    if (count > 1) bulk(unchecked(args[1]));
    else reply.text('+PONG\r\n');
  } else if (name.like('echo')) {
    if (takes(2)) bulk(unchecked(args[1]));
  } else if (name.like('set')) {
    if (count < 3) arity();
    else {
      store.set(unchecked(args[1]), unchecked(args[2]).copy());
      reply.text('+OK\r\n');
    }
  } else if (name.like('get')) {
    if (takes(2)) value(store.get(unchecked(args[1]), null));
  } else if (name.like('del')) {
    let gone = 0;
    for (let i = 1; i < count; i++) if (store.delete(unchecked(args[i]))) gone++;
    integer(gone);
  } else if (name.like('incr')) {
    if (takes(2)) increment(unchecked(args[1]));
  } else if (name.like('command')) {
    reply.text('*0\r\n');
  } else if (name.like('config')) {
    configuration();
  } else reply.text('-ERR unknown command\r\n');
}

function configuration(): void {
  if (count < 3 || !unchecked(args[1]).like('get')) {
    reply.text('+OK\r\n');
    return;
  }
  reply.text('*2\r\n');
  bulk(unchecked(args[2]));
  reply.text('$0\r\n\r\n');
}

function increment(key: Bytes): void {
  const old = store.get(key, null);
  const value =
    old === null ? 0 : viewOf(old).decimal(i64.MIN_VALUE, i64.MAX_VALUE - 1, i64.MAX_VALUE);
  if (value === i64.MAX_VALUE) {
    reply.text('-ERR value is not an integer or out of range\r\n');
    return;
  }
  const digits = number
    .clear()
    .decimal(value + 1)
    .view();
  store.set(key, digits.copy());
  reply.text(':').bytesLine(digits);
}

function takes(parts: i32): boolean {
  if (count !== parts) arity();
  return count === parts;
}

function arity(): void {
  reply.text('-ERR wrong number of arguments\r\n');
}

function value(buffer: ArrayBuffer | null): void {
  if (buffer === null) reply.text('$-1\r\n');
  else bulk(viewOf(buffer));
}

function bulk(bytes: Bytes): void {
  reply.text('$').decimalLine(bytes.length).bytesLine(bytes);
}

function integer(value: i64): void {
  reply.text(':').decimalLine(value);
}
