// What wasmpoll.h has for guests in C, compiled and run.

import test from 'ava';
import fc from 'fast-check';
import {
  LOG_WARN,
  REASON_TRAP,
  STATUS_ABSENT,
  STATUS_BOUNDS,
  STATUS_CLOSED,
  STATUS_DENIED,
  STATUS_STATE,
} from '../../assembly/abi.ts';
import { serve } from '../../host/index.ts';
import { parseModule } from '../../host/module/binary.ts';
import { guestImports } from '../../host/module/interface.ts';
import { functionType, signatureOf } from '../../host/module/signatures.ts';
import { harness } from '../../host/testing/harness.ts';
import { connect } from '../helpers/client.ts';
import { command, compiled, shown } from '../helpers/languages.ts';

test('a guest in C keeps a state block for each connection', async (t) => {
  const count = await compiled(t, 'count.c', shown('count.c'));
  const network = await harness(count);
  const [one, two] = [network.connect(), network.connect()];
  one.send('12345');
  two.send('x'.repeat(1000));
  one.send('67');
  one.end();
  two.end();
  t.deepEqual([one.text(), two.text()], ['7\n', '1000\n']);

  await using server = await serve({ protocol: count, listen: '127.0.0.1:0' });
  for (const length of [0, 300_000]) {
    const client = await connect(server.addresses[0]!, { owner: t });
    await client.send('x'.repeat(length));
    client.end();
    t.is(String(await client.readAll()), `${length}\n`);
  }
});

// Writes each status as a byte that says how far below 0 it is.
const EVERYTHING = `
#include "wasmpoll.h"
WASMPOLL_GUEST
static void tell(int32_t connection, int32_t status) {
  char byte = (char)-status;
  wasmpoll_send(connection, &byte, 1);
}
WASMPOLL_EXPORT(on_data)
int32_t on_data(int32_t connection, void *state, const void *data, int32_t length) {
  char address[64];
  int32_t bytes = wasmpoll_peer_address(connection, address, sizeof address);
  wasmpoll_send(connection, address, bytes);
  if (wasmpoll_start_tls(connection) != WASMPOLL_STATUS_DENIED) __builtin_trap();
  if (wasmpoll_now() <= 0 || wasmpoll_wall_clock() <= 0) __builtin_trap();
  wasmpoll_log(WASMPOLL_LOG_WARN, address, bytes);
  tell(connection, wasmpoll_pause(connection));
  tell(connection, wasmpoll_resume(connection));
  tell(connection, wasmpoll_want(connection, 2));
  tell(connection, wasmpoll_set_timer(connection, 1000));
  tell(connection, wasmpoll_send(0, address, bytes));
  tell(connection, wasmpoll_send(connection, (void *)0x7fffffff, 9));
  tell(connection, wasmpoll_close(0, WASMPOLL_CLOSE_GRACEFUL));
  tell(connection, wasmpoll_property(connection, "none", 4, address, sizeof address));
  tell(connection, wasmpoll_random(address, sizeof address));
  tell(connection, wasmpoll_config(address, sizeof address));
  tell(connection, wasmpoll_metric(WASMPOLL_METRIC_GAUGE, "late", 4));
  tell(connection, wasmpoll_measure(0, 1.5));
  tell(connection, wasmpoll_join(connection, 7, "#/b", 3, WASMPOLL_JOIN_PATTERN));
  tell(connection, wasmpoll_join(connection, 7, "room", 4, 0));
  tell(connection, wasmpoll_publish("room", 4, "hi", 2, 0));
  tell(connection, wasmpoll_publish_for("room", 4, "hi", 2, 8, 1000));
  tell(connection, wasmpoll_leave(0, "room", 4, 0));
  tell(connection, wasmpoll_store_put(connection, 8, "k", 1, "1", 1, 0, 0));
  tell(connection, wasmpoll_store_add(connection, 9, "k", 1, 0.5, 0));
  tell(connection, wasmpoll_store_get(connection, 10, "k", 1));
  tell(connection, wasmpoll_store_delete(connection, 11, "k", 1, 0));
  tell(connection, wasmpoll_connect(connection, "none", 4, WASMPOLL_CONNECT_LINK));
  tell(connection, wasmpoll_splice(connection, 0));
  return length;
}
WASMPOLL_EXPORT(on_connect)
void on_connect(int32_t connection, void *state, int32_t parent) {}
WASMPOLL_EXPORT(on_message)
void on_message(int32_t connection, void *state, int32_t tag, int32_t flags, const void *topic,
                int32_t topic_length, const void *data, int32_t data_length) {
  tell(connection, -tag - flags);
  wasmpoll_send(connection, topic, topic_length);
  wasmpoll_send(connection, data, data_length);
}
WASMPOLL_EXPORT(on_missed)
void on_missed(int32_t connection, void *state) {}
WASMPOLL_EXPORT(on_reply)
void on_reply(int32_t connection, void *state, int32_t tag, int32_t status, const void *data,
              int32_t data_length) {
  tell(connection, -tag);
  tell(connection, status);
  if (data_length > 8) wasmpoll_send(connection, (const char *)data + 8, data_length - 8);
}
WASMPOLL_EXPORT(on_replies)
void on_replies(int32_t connection, void *state, const struct wasmpoll_reply *rows, int32_t count) {
  for (const struct wasmpoll_reply *one = rows; one < rows + count; one += 1)
    on_reply(connection, state, one->tag, one->status, one->data, one->length);
}
`;

test('every host function is declared for C as the host has it', async (t) => {
  const module = await compiled(t, 'everything.c', EVERYTHING);
  const parsed = parseModule(module);
  const imported = parsed.imports.map(({ module: from, name }, index) => {
    t.is(from, 'wasmpoll');
    return [name, signatureOf(functionType(module, parsed, index))];
  });
  t.deepEqual(Object.fromEntries(imported), guestImports.wasmpoll);

  const network = await harness(module);
  const peer = network.connect({ address: '127.0.0.1:4242' });
  peer.send('x');
  const answer = '127.0.0.1:4242';
  const statuses = [
    ...[0, 0, 0, 0, STATUS_CLOSED, STATUS_BOUNDS, STATUS_CLOSED],
    ...[STATUS_ABSENT, 0, 0, STATUS_STATE, STATUS_BOUNDS],
    ...[STATUS_BOUNDS, 0, 0, STATUS_BOUNDS, STATUS_CLOSED, 0, 0, 0, 0],
    ...[STATUS_DENIED, STATUS_CLOSED],
  ];
  const told = String.fromCharCode(...statuses.map((status) => -status));
  const replies = '\x08\0\x09\x001.5\x0a\x001.5\x0b\0';
  const rest = peer.text();
  t.is(rest.slice(0, answer.length + told.length), answer + told);
  // Replies and messages have no order between them.
  t.true(
    [`${replies}\x07roomhi`, `\x07roomhi${replies}`].includes(
      rest.slice(answer.length + told.length),
    ),
    JSON.stringify(rest),
  );
  t.deepEqual(network.logs, [{ level: LOG_WARN, text: answer }]);
});

// Called through pointers, so that the compiler puts nothing of its own in their place.
const MEMORY = `
#include "wasmpoll.h"
WASMPOLL_GUEST
static void *(*volatile copy)(void *, const void *, __SIZE_TYPE__) = memcpy;
static void *(*volatile move)(void *, const void *, __SIZE_TYPE__) = memmove;
static void *(*volatile fill)(void *, int, __SIZE_TYPE__) = memset;
static int (*volatile compare)(const void *, const void *, __SIZE_TYPE__) = memcmp;
static char block[64], other[64];
WASMPOLL_EXPORT(on_data)
int32_t on_data(int32_t connection, void *state, const uint8_t *data, int32_t length) {
  for (int32_t at = 0; at < 64; at += 1) block[at] = (char)at;
  char *to = block + data[1], *from = block + data[2];
  if (data[0] == 0) move(to, from, data[3]);
  if (data[0] == 1) fill(to, data[2], data[3]);
  if (data[0] == 2) copy(copy(other, block, 64), from, data[3]);
  if (data[0] == 3) block[0] = (char)(compare(to, from, data[3]) < 0 ? 1 : compare(to, from, data[3]) > 0 ? 2 : 3);
  wasmpoll_send(connection, data[0] == 2 ? other : block, 64);
  return length;
}
`;

test('memcpy, memmove, memset and memcmp of the header do what those of C do', async (t) => {
  const network = await harness(await compiled(t, 'memory.c', MEMORY));
  const peer = network.connect();
  const expected = ([what, to, from, length]: readonly number[]): Buffer => {
    const block = Buffer.from(Array.from({ length: 64 }, (_, index) => index));
    if (what === 0) block.copyWithin(to!, from!, from! + length!);
    if (what === 1) block.fill(from!, to, to! + length!);
    if (what === 2) block.copyWithin(0, from!, from! + length!);
    const part = (at: number): Buffer => block.subarray(at, at + length!);
    if (what === 3) block[0] = [1, 3, 2][Buffer.compare(part(to!), part(from!)) + 1]!;
    return block;
  };
  const least = fc.nat(32);
  fc.assert(
    fc.property(fc.tuple(fc.nat(3), least, least, least), (call) => {
      peer.send(Uint8Array.from(call));
      t.deepEqual(Buffer.from(peer.received()), expected(call));
    }),
    { numRuns: 2000 },
  );
});

test('a guest in C that copies and fills structures links, however it is optimised', async (t) => {
  const source = `
#include "wasmpoll.h"
WASMPOLL_GUEST
struct large { char text[500]; int32_t length; };
static struct large kept, before;
WASMPOLL_EXPORT(on_data)
int32_t on_data(int32_t connection, void *state, const char *data, int32_t length) {
  struct large here = {{0}, 0};
  for (here.length = 0; here.length < length; here.length += 1) here.text[here.length] = data[here.length];
  before = kept;
  kept = here;
  wasmpoll_send(connection, before.text, before.length);
  return length;
}`;
  for (const option of ['-O0', '-O1', '-O2', '-O3', '-Os', '-O2 -mbulk-memory']) {
    const line = command('C', 'clang', 'large').replace('-O2', option);
    const network = await harness(await compiled(t, 'large.c', source, line));
    const peer = network.connect();
    for (const text of ['one', 'two', 'three']) peer.send(text);
    t.is(peer.text(), 'onetwo', option);
  }
});

// Each input begins with what to do.
const NUMBERS = `
#include "wasmpoll.h"
WASMPOLL_GUEST
WASMPOLL_EXPORT(on_data)
int32_t on_data(int32_t connection, void *state, const char *data, int32_t length) {
  char text[20];
  int64_t value = 5;
  switch (data[0]) {
    case 'd':
      if (!wasmpoll_read_decimal(data + 1, length - 1, INT64_MIN, INT64_MAX, &value)) {
        WASMPOLL_SEND(connection, "none");
        if (value != 5) __builtin_trap();
      } else wasmpoll_send(connection, text, wasmpoll_decimal(text, value));
      break;
    case 'b':
      WASMPOLL_ASSERT(wasmpoll_read_decimal(data + 1, length - 1, -3, 300, &value));
      wasmpoll_send(connection, text, wasmpoll_decimal(text, value));
      break;
    case 'o':
      wasmpoll_put_u16be(text, wasmpoll_u16le(data + 1));
      wasmpoll_put_u16le(text + 2, wasmpoll_u16be(data + 3));
      wasmpoll_put_u32be(text + 4, wasmpoll_u32le(data + 5));
      wasmpoll_put_u32le(text + 8, wasmpoll_u32be(data + 9));
      wasmpoll_send(connection, text, 12);
      break;
    case 'f':
      wasmpoll_send(connection, text, wasmpoll_decimal(text, wasmpoll_find(data, 2, length, data[1])));
      if (WASMPOLL_IS(data, length, "fx")) WASMPOLL_SEND(connection, " it is");
      break;
    default: WASMPOLL_FAIL("what is \u00e4?");
  }
  return length;
}
`;

test('the header for C reads and writes numbers, and finds bytes', async (t) => {
  const network = await harness(await compiled(t, 'numbers.c', NUMBERS));
  const peer = network.connect();
  const answer = (input: string | Uint8Array): string => {
    peer.send(input);
    return Buffer.from(peer.received()).toString('latin1');
  };
  const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];
  for (const value of [0n, 9n, -10n, 1_234_567_890n, least, least + 1n, most, most - 1n]) {
    t.is(answer(`d${value}`), String(value));
  }
  t.is(answer('d-0007'), '-7');
  for (const none of [
    '',
    '-',
    '+1',
    '1x',
    ' 1',
    '--1',
    String(least - 1n),
    String(most + 1n),
    '9'.repeat(30),
  ]) {
    t.is(answer(`d${none}`), 'none', none);
  }
  t.deepEqual(['b-3', 'b300'].map(answer), ['-3', '300']);
  t.is(
    answer(Uint8Array.from([0x6f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])),
    '\x02\x01\x04\x03\x08\x07\x06\x05\x0c\x0b\x0a\x09',
  );
  t.deepEqual(['fabca', 'fabc', 'fx'].map(answer), ['4', '-1', '-1 it is']);
});

test('a failed assertion in C says what it was, in which file and line', async (t) => {
  const network = await harness(await compiled(t, 'numbers.c', NUMBERS));
  for (const [input, reason] of [
    ['b301', /^abort: assertion failed: wasmpoll_read_decimal\(.*\) at numbers\.c:\d+:0/],
    ['?', /^abort: what is ä\? at numbers\.c:\d+:0/],
  ] as const) {
    const peer = network.connect();
    peer.send(input);
    t.is(peer.closeReason, REASON_TRAP);
    t.regex(network.traps.at(-1)!, reason);
  }
});
