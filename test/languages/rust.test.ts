// What wasmpoll.rs has for guests in Rust, compiled and run.

import test from 'ava';
import {
  LOG_WARN,
  REASON_PEER,
  REASON_TRAP,
  STATUS_ABSENT,
  STATUS_BOUNDS,
  STATUS_CLOSED,
  STATUS_CONFLICT,
  STATUS_DENIED,
  STATUS_STATE,
} from '../../assembly/abi.ts';
import { parseModule } from '../../host/module/binary.ts';
import { guestImports, optionalExports, requiredExports } from '../../host/module/interface.ts';
import { functionType, signatureOf } from '../../host/module/signatures.ts';
import { harness } from '../../host/testing/harness.ts';
import { compiled, shown } from '../helpers/languages.ts';

const HEAD = `
#[path = "node_modules/wasmpoll/assembly/wasmpoll.rs"]
mod wasmpoll;
use wasmpoll::*;
`;

/** A guest with a `data` alone, and what else is given. */
const guest = (data: string, more = '', items = '', parts = ''): string => `${HEAD}
struct It;
impl Guest for It {
    type State = ();
    fn new() -> Self { It }
    fn data(&mut self, c: Connection, _state: &mut Self::State, data: &[u8]) -> usize { ${data}; data.len() }
    ${more}
}
${items}
wasmpoll::export!(It${parts});
`;

// Each callback logs itself, and each status is told as a number.
const EVERYTHING = `${HEAD}
#[repr(C)]
#[derive(Clone, Copy)]
struct State { calls: u32, name: [u8; 4] }
unsafe impl Plain for State {}

struct Everything { gauge: i32, config: Vec<u8> }

impl Everything {
    fn say(&self, what: std::fmt::Arguments) { log(LOG_WARN, Text::<200>::of(what)); }
}

impl Guest for Everything {
    type State = State;
    const STATE_VERSION: i32 = 7;
    fn new() -> Self { Everything { gauge: metric(METRIC_GAUGE, "gauge"), config: config() } }
    fn open(&mut self, c: Connection, state: &mut State) {
        state.name = *b"name";
        self.say(format_args!("open {:?} {:?}", c.peer_address(), c.property("transport").map(String::from_utf8)));
    }
    fn data(&mut self, c: Connection, state: &mut State, data: &[u8]) -> usize {
        state.calls += 1;
        let mut bytes = [0; 64];
        let told = [
            c.pause(), c.resume(), c.want(2), c.set_timer(1000), c.start_tls(), c.send(b"hello"), c.backlog(),
            Connection::NONE.send("x"), Connection::NONE.close(), Connection::NONE.abort(), Connection::NONE.close_output(),
            random(&mut bytes), metric(METRIC_GAUGE, "late"), measure(self.gauge, 1.5), measure(99, 1.5),
            c.join_pattern("#/b", 7), c.join_pattern("r/+", 8), c.join("room", 7), c.leave("none"), c.leave_pattern("r/+"),
            publish("room", "hi", 0), publish_for("room", "hi", 8, 1000), c.store_put(8, "k", "1", None, 0), c.store_put(9, "k", "2", Some(&NO_KEY), 0),
            c.store_add(10, "k", 0.5, 0), c.store_get(11, "k"), c.store_delete(12, "k", None),
            c.store_delete(13, "k", None), connect(Some(c), "none", CONNECT_LINK).err().unwrap_or(0),
            c.splice(Connection::NONE),
        ];
        self.say(format_args!("data {} {:?} {:?}", state.calls, told, c.property("none")));
        assert!(bytes != [0; 64] && now() > 0.0 && wall_clock() > 0.0);
        self.say(format_args!("{}", String::from_utf8_lossy(&self.config)));
        data.len()
    }
    fn end(&mut self, _: Connection, state: &mut State, rest: &[u8]) -> bool {
        self.say(format_args!("end {} {}", state.calls, rest.len()));
        false
    }
    fn drain(&mut self, _: Connection, _: &mut State) { self.say(format_args!("drain")); }
    fn timer(&mut self, _: Connection, state: &mut State) {
        self.say(format_args!("timer {}", String::from_utf8_lossy(&state.name)));
    }
    fn closed(&mut self, _: Connection, _: &mut State, reason: i32) { self.say(format_args!("closed {}", reason)); }
    fn restore(&mut self, _: Connection, state: &mut State) { self.say(format_args!("restore {}", state.calls)); }
}
impl Topics for Everything {
    fn message(&mut self, _: Connection, _: &mut State, message: Message) {
        let (topic, data) = (String::from_utf8_lossy(message.topic), String::from_utf8_lossy(message.data));
        self.say(format_args!("message {} {} {} {}", message.tag, message.flags, topic, data));
    }
    fn missed(&mut self, _: Connection, _: &mut State) { self.say(format_args!("missed")); }
}
impl Store for Everything {
    fn reply(&mut self, _: Connection, _: &mut State, tag: i32, status: i32, data: &[u8]) {
        let value = versioned(data).map(|(version, value)| (version != NO_KEY, String::from_utf8_lossy(value)));
        self.say(format_args!("reply {} {} {:?}", tag, status, value));
    }
}
impl Migrate for Everything {
    fn migrate(&mut self, _: Connection, old: &[u8], version: i32, state: &mut State) {
        state.calls = plain::<u32>(old).unwrap_or(0);
        assert!(plain::<u64>(old).is_none());
        self.say(format_args!("migrate {} {}", version, state.calls));
    }
}
impl Upstreams for Everything {
    fn connected(&mut self, _: Connection, _: &mut State, _: Option<Connection>) { self.say(format_args!("connected")); }
}
impl Start for Everything {
    fn start(&mut self) { self.say(format_args!("start")); }
}
impl Tick for Everything {
    fn tick(&mut self) { self.say(format_args!("tick")); }
}
impl Replies for Everything {}
wasmpoll::export!(Everything, Topics, Store, Replies, Upstreams, Migrate, Start, Tick);
`;

test('every host function and callback is there for Rust as the host has it', async (t) => {
  const module = await compiled(t, 'everything.rs', EVERYTHING);
  const parsed = parseModule(module);
  const typed = (index: number): string => signatureOf(functionType(module, parsed, index));
  const imports = parsed.imports.map(({ module: from, name }, index) => [
    `${from}.${name}`,
    typed(index),
  ]);
  const { abort, ...expected } = { ...guestImports.wasmpoll, ...guestImports.env };
  t.deepEqual(Object.fromEntries(imports), {
    ...Object.fromEntries(
      Object.entries(expected).map(([name, type]) => [`wasmpoll.${name}`, type]),
    ),
    'env.abort': abort,
  });
  const exports = parsed.exports
    .filter(({ kind, name }) => kind === 'function' || name === 'memory')
    .map(({ name, kind, index }) => [name, kind === 'function' ? typed(index) : kind]);
  const { _initialize, ...callbacks } = { ...requiredExports, ...optionalExports };
  t.deepEqual(Object.fromEntries(exports), callbacks);

  const network = await harness(module, { config: 'as configured', policy: { tickMs: 500 } });
  const peer = network.connect({ address: '127.0.0.1:4242' });
  peer.send('x');
  const statuses = [
    ...[
      0,
      0,
      0,
      0,
      STATUS_DENIED,
      5,
      5,
      STATUS_CLOSED,
      STATUS_CLOSED,
      STATUS_CLOSED,
      STATUS_CLOSED,
    ],
    ...[0, STATUS_STATE, 0, STATUS_BOUNDS, STATUS_BOUNDS, 0, 0, 0, 0],
    ...[0, STATUS_BOUNDS, 0, 0, 0, 0, 0, 0, STATUS_DENIED, STATUS_CLOSED],
  ];
  const said = network.logs.splice(0);
  t.true(said.every(({ level }) => level === LOG_WARN));
  const lines = said.map(({ text }) => text);
  t.deepEqual(lines.slice(0, 4), [
    'start',
    'open Some("127.0.0.1:4242") Some(Ok("tcp"))',
    `data 1 [${statuses.join(', ')}] None`,
    'as configured',
  ]);
  // Replies and messages have no order between them.
  t.deepEqual(
    lines.slice(4).filter((line) => !line.startsWith('reply')),
    ['message 7 0 room hi'],
  );
  t.deepEqual(
    lines.slice(4).filter((line) => line.startsWith('reply')),
    [
      'reply 8 0 Some((true, ""))',
      `reply 9 ${STATUS_CONFLICT} None`,
      'reply 10 0 Some((true, "1.5"))',
      'reply 11 0 Some((true, "1.5"))',
      'reply 12 0 None',
      `reply 13 ${STATUS_ABSENT} None`,
    ],
  );
  t.is(peer.text(), 'hello');
  t.deepEqual(network.stats().guest, { gauge: { kind: 'gauge', value: 1.5 } });
  network.advance(1000);
  await network.swap(module);
  peer.end();
  t.is(peer.closeReason, REASON_PEER);
  const later = network.logs.map(({ text }) => text);
  t.deepEqual(
    later.filter((line) => !/^(?:tick|timer)/.test(line)),
    [...['restore 1', 'start', 'end 1 0', `closed ${REASON_PEER}`]],
  );
  t.deepEqual(later.filter((line) => /^(?:tick|timer)/.test(line)).sort(), [
    ...['tick', 'tick', 'timer name'],
  ]);
  t.deepEqual(network.traps, []);
});

test('a guest in Rust migrates the state of another version', async (t) => {
  const counting = guest('let _ = c; *_state += 1').replace('State = ()', 'State = u32');
  const network = await harness(await compiled(t, 'before.rs', counting));
  const peer = network.connect();
  for (let count = 0; count < 3; count += 1) peer.send('x');
  await network.swap(await compiled(t, 'everything.rs', EVERYTHING));
  t.deepEqual(
    network.logs.map(({ text }) => text),
    ['migrate 0 3', 'restore 3', 'start'],
  );
  const other = guest('let _ = c').replace('State = ()', 'State = [u32; 2]');
  await t.throwsAsync(network.swap(await compiled(t, 'other.rs', other)), {
    code: 'ERR_GUEST',
    message: /cannot take over/,
  });
});

test('a panic in Rust ends the callback alone, and says message, file and place', async (t) => {
  const source = guest(`match data {
        b"index" => drop(c.send([data[usize::from(data[0])]])),
        b"none" => drop(std::str::from_utf8(b"\\xff").unwrap()),
        b"long" => panic!("{}", "\u{e4}".repeat(10_000)),
        b"empty" => std::panic::panic_any(5),
        b"plain" => panic!("\n\u{1f600}"),
        _ => drop(c.send(data)),
    }`);
  const network = await harness(await compiled(t, 'panics.rs', source));
  const witness = network.connect();
  for (const [input, reason] of [
    [
      'index',
      /abort: index out of bounds: the len is 5 but the index is 105 at panics\.rs:\d+:\d+$/,
    ],
    [
      'none',
      /abort: called `Result::unwrap\(\)` on an `Err` value: Utf8Error .* at panics\.rs:\d+:\d+$/,
    ],
    ['long', /abort: \u{e4}{512} at panics\.rs:\d+:\d+$/u],
    ['empty', /abort: no message at panics\.rs:\d+:\d+$/],
    ['plain', /abort: \\x0a\u{1f600} at panics\.rs:\d+:\d+$/u],
  ] as const) {
    const peer = network.connect();
    peer.send(input);
    t.is(peer.closeReason, REASON_TRAP);
    t.regex(network.traps.at(-1)!, reason);
  }
  witness.send('still here');
  t.is(witness.text(), 'still here');
});

test('a panic at the start refuses the module, and says why', async (t) => {
  const source = guest('let _ = c').replace('{ It }', '{ panic!("no configuration") }');
  await t.throwsAsync(harness(await compiled(t, 'start.rs', source)), {
    code: 'ERR_GUEST',
    message: /start-up failed: .*abort: no configuration at start\.rs:\d+:\d+$/,
  });
});

test('export! has to name each trait, and a state must be plain', async (t) => {
  const tick = 'impl Tick for It { fn tick(&mut self) {} }';
  const refused = async (source: string, message: RegExp): Promise<void> => {
    const error = await t.throwsAsync(compiled(t, 'wrong.rs', source));
    t.regex(error!.message, message);
  };
  await refused(guest('let _ = c', '', tick), /export! must name each trait/);
  await refused(guest('let _ = c', '', '', ', Tick'), /Tick.* is not (?:satisfied|implemented)/);
  await refused(guest('let _ = c', '', '', ', Tock'), /Tock/);
  await refused(guest('let _ = c').replace('State = ()', 'State = bool'), /Plain/);
  await t.notThrowsAsync(compiled(t, 'right.rs', guest('let _ = c', '', tick, ', Tick')));
});

test('a guest in Rust compiles without a warning', async (t) => {
  const strict = [guest('c.send(data)'), shown('chat.rs'), EVERYTHING];
  for (const source of strict) {
    const text = `#![deny(warnings)]\n${source.replace('use wasmpoll::*;', '#[allow(unused_imports)] use wasmpoll::*;')}`;
    await t.notThrowsAsync(compiled(t, 'strict.rs', text));
  }
});

test('Text is cut between characters, and frame says how many bytes it needs', async (t) => {
  const source = guest(`
    let mut text = Text::<8>::of(format_args!("{}", String::from_utf8_lossy(data)));
    let more = std::fmt::Write::write_str(&mut text, "!").is_ok();
    c.send(Text::<99>::of(format_args!("{} {} {:?}", &*text, more, frame(data))))`);
  const network = await harness(await compiled(t, 'text.rs', source));
  const peer = network.connect();
  const answer = (input: string | Uint8Array): string => {
    peer.send(input);
    return peer.text();
  };
  t.is(answer('abc'), 'abc! true Err(4)');
  t.is(answer('abcdefg\u{e4}'), 'abcdefg! true Err(1633837928)');
  t.is(answer('\0\0\0\x02ab'), '\0\0\0\x02ab! true Ok([97, 98])');
  t.is(answer('\0\0\0\x00abcdefg'), '\0\0\0\x00abcd false Ok([])');
  t.is(answer(Uint8Array.from([255, 255, 255, 255])), '\ufffd\ufffd! true Err(4294967295)');
});
