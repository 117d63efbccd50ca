// Guests in C: the code and the command are those of docs/abi.md. They are compiled where clang and
// its linker are.

import test, { type ExecutionContext } from 'ava';
import {
  LOG_WARN,
  REASON_PEER,
  STATUS_ABSENT,
  STATUS_BOUNDS,
  STATUS_CLOSED,
  STATUS_STATE,
} from '../../assembly/abi.ts';
import { serve } from '../../host/index.ts';
import { parseModule } from '../../host/module/binary.ts';
import { guestImports } from '../../host/module/interface.ts';
import { functionType, signatureOf } from '../../host/module/signatures.ts';
import { harness } from '../../host/testing/harness.ts';
import { connect } from '../helpers/client.ts';
import { blocks, document, section, workshop } from '../helpers/documents.ts';
import { works } from '../helpers/process.ts';

const shown = blocks(section(document('docs/abi.md'), 'A whole guest in C'));
const command = shown.find((block) => block.language === 'sh')!.code;
const code = (file: string): string =>
  shown.find((block) => block.language === 'c' && block.file === file)!.code;

/** Compiles with the command of docs/abi.md; null, with a line in the log, where that cannot be. */
async function compiled(t: ExecutionContext, source: string): Promise<Uint8Array | null> {
  if (!works('clang', '--version') || !works('wasm-ld', '--version')) {
    t.log('skipped: clang or wasm-ld is not installed (apt-get install clang lld)');
    t.pass();
    return null;
  }
  const place = workshop(t);
  place.write('echo.c', source);
  await place.run(command);
  return place.read('echo.wasm');
}

test('a guest in C echoes, in the harness and over a socket', async (t) => {
  const echo = await compiled(t, code('echo.c'));
  if (echo === null) return;
  const network = await harness(echo);
  const peer = network.connect();
  peer.send('hello');
  t.is(peer.text(), 'hello');

  await using server = await serve({ protocol: echo, listen: '127.0.0.1:0' });
  const client = await connect(server.addresses[0]!, { owner: t });
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
  await client.send(bytes);
  client.end();
  t.true(bytes.equals(await client.readAll()));
});

test('a guest in C keeps a state block for each connection', async (t) => {
  const count = await compiled(t, code('count.c'));
  if (count === null) return;
  const network = await harness(count);
  const [one, two] = [network.connect(), network.connect()];
  one.send('12345');
  two.send('x'.repeat(1000));
  one.send('67');
  one.end();
  two.end();
  t.deepEqual([one.text(), two.text()], ['7\n', '1000\n']);
  t.deepEqual([one.closeReason, two.closeReason], [REASON_PEER, REASON_PEER]);

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
  tell(connection, wasmpoll_leave(0, "room", 4, 0));
  tell(connection, wasmpoll_store_put(connection, 8, "k", 1, "1", 1, 0, 0));
  tell(connection, wasmpoll_store_add(connection, 9, "k", 1, 0.5, 0));
  tell(connection, wasmpoll_store_get(connection, 10, "k", 1));
  tell(connection, wasmpoll_store_delete(connection, 11, "k", 1, 0));
  return length;
}
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
`;

test('every host function is declared for C as the host has it', async (t) => {
  const module = await compiled(t, EVERYTHING);
  if (module === null) return;
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
    ...[STATUS_BOUNDS, 0, 0, STATUS_CLOSED, 0, 0, 0, 0],
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
