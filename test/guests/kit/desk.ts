// A guest that does what its lines say with the part of the kit that asks the host. Each line is answered
// by one, or by the reply to its request: the status, and what came with it.
//
//   get KEY        put KEY VALUE      new KEY VALUE      same KEY VALUE (of the version that came last)
//   remove KEY     drop KEY (of that version)            add KEY DELTA      ttl KEY VALUE MS
//   join TOPIC     leave TOPIC        joins PATTERN      leaves PATTERN     say TOPIC TEXT
//   keep TOPIC TEXT (retained)        text KEY and number KEY, of the configuration    all
//   property NAME  address            random N           log TEXT           measure N      to ID TEXT
//   timer MS       float TEXT         clock

import {
  Bytes,
  Connection,
  Counter,
  config,
  Gauge,
  Histogram,
  input,
  LOG_WARN,
  log,
  now,
  PUBLISH_OTHERS,
  PUBLISH_RETAIN,
  publish,
  publishFor,
  random,
  reply,
  Session,
  stateSize,
  store,
  tail,
  view,
  wall_clock,
} from '../../../assembly/kit';

export * from '../../../assembly/guest';

@unmanaged
class Visitor extends Session {
  version!: u64;
  requests!: i32;
}

let seen!: Counter;
let last!: Gauge;
let sizes!: Histogram;
let greeting!: Bytes;

export function _initialize(): void {
  seen = new Counter('seen');
  last = new Gauge('last');
  sizes = new Histogram('sizes');
  const text = config.text('greeting');
  greeting = text === null ? view(0, 0) : text.keep();
  config.decimal('limit', 1, 100, 10);
}

export function state_size(): i32 {
  return stateSize<Visitor>(4);
}

export function on_open(connection: Connection, visitor: Visitor): void {
  greeting.slice(0, 4).copyTo(tail(visitor, 4).at);
  if (greeting.length > 0) reply.to(connection).bytes(greeting).text('\n').send();
}

export function on_data(connection: Connection, visitor: Visitor, data: usize, length: i32): i32 {
  input.begin(connection, visitor, data, length);
  while (input.next()) {
    const line = input.line();
    if (!input.ok()) break;
    const command = line.cut(' ');
    if (!ask(connection, visitor, command, line) && !look(connection, command, line)) {
      tell(connection, visitor, command, line);
    }
  }
  return input.finish();
}

function status(value: i32): boolean {
  reply.decimal(value).text('\n');
  return true;
}

/** One request at a time: the next line waits for the reply. */
function asked(connection: Connection, visitor: Visitor, value: i32): boolean {
  if (value < 0) return status(value);
  visitor.requests += 1;
  connection.pause();
  return true;
}

function ask(connection: Connection, visitor: Visitor, command: Bytes, line: Bytes): boolean {
  const key = line.cut(' ');
  const tag = visitor.requests;
  let value = 1;
  if (command.is('get')) value = store.get(connection, tag, key);
  else if (command.is('put')) value = store.put(connection, tag, key, line);
  else if (command.is('new')) value = store.put(connection, tag, key, line, store.NONE);
  else if (command.is('same')) value = store.put(connection, tag, key, line, visitor.version);
  else if (command.is('remove')) value = store.remove(connection, tag, key);
  else if (command.is('drop')) value = store.remove(connection, tag, key, visitor.version);
  else if (command.is('add')) value = store.add(connection, tag, key, line.float(0));
  else if (command.is('ttl')) {
    const text = line.cut(' ');
    const ttl = <u32>line.decimal(0, u32.MAX_VALUE, 0);
    value = store.put(connection, tag, key, text, store.ANY, ttl);
  }
  if (value < 1) return asked(connection, visitor, value);
  line.length += <i32>(line.at - key.at);
  line.at = key.at;
  return false;
}

export function on_reply(
  connection: Connection,
  visitor: Visitor,
  tag: i32,
  status: i32,
  data: usize,
  length: i32,
): void {
  visitor.version = store.version(data, length);
  reply.to(connection).decimal(tag).text(' ').decimal(status).text(' ');
  reply.bytes(store.value(data, length)).text('\n').send();
  connection.resume();
}

function look(connection: Connection, command: Bytes, line: Bytes): boolean {
  if (command.is('property')) found(connection.property(line.toString()));
  else if (command.is('address')) found(connection.address());
  else if (command.is('text')) found(config.text(line.toString()));
  else if (command.is('number')) status(<i32>config.decimal(line.toString(), 1, 100, 10));
  else if (command.is('all')) found(config.bytes());
  else if (command.is('random')) {
    const one = random(<i32>line.decimal(0, 1000, 0)).copy();
    const two = random(one.byteLength);
    reply
      .decimal(one.byteLength)
      .text(
        two.is('') || !two.equals(view(changetype<usize>(one), two.length))
          ? ' differ\n'
          : ' same\n',
      );
  } else if (command.is('float')) reply.float(line.float(-1)).text('\n');
  else if (command.is('clock')) {
    reply.float(now()).text(' ').float(wall_clock()).text('\n');
  } else return false;
  return true;
}

function found(value: Bytes | null): void {
  if (value === null) reply.text('null\n');
  else reply.bytes(value).text('\n');
}

function tell(connection: Connection, visitor: Visitor, command: Bytes, line: Bytes): void {
  if (command.is('join')) status(connection.join(line, 7));
  else if (command.is('leave')) status(connection.leave(line));
  else if (command.is('joins')) status(connection.joinPattern(line, 8));
  else if (command.is('leaves')) status(connection.leavePattern(line));
  else if (command.is('say')) status(publish(line.cut(' '), line, PUBLISH_OTHERS));
  else if (command.is('keep')) status(publish(line.cut(' '), line, PUBLISH_RETAIN));
  else if (command.is('lend')) {
    status(publishFor(line.cut(' '), line, PUBLISH_RETAIN, 1000));
  } else if (command.is('timer')) connection.timer(<i32>line.decimal(0, 100_000, 0));
  else if (command.is('log')) log(LOG_WARN, line.toString());
  else if (command.is('measure')) {
    seen.add();
    last.set(line.float(0));
    sizes.record(line.float(0));
  } else if (command.is('to')) {
    const other = changetype<Connection>(
      <i32>line.cut(' ').decimal(i32.MIN_VALUE, i32.MAX_VALUE, 0),
    );
    reply.text('told ').to(other).bytes(line).text('\n').send();
    reply.decimal(connection.id === other.id ? 1 : 0).text('\n');
  } else reply.bytes(tail(visitor, 4)).text('?\n');
}

export function on_message(
  connection: Connection,
  _visitor: Visitor,
  tag: i32,
  flags: i32,
  topic: usize,
  topicLength: i32,
  data: usize,
  length: i32,
): void {
  const out = reply.to(connection).decimal(tag).text(' ').decimal(flags).text(' ');
  out.bytes(view(topic, topicLength)).text(' ').bytes(view(data, length)).text('\n').send();
}

export function on_missed(connection: Connection, _visitor: Visitor): void {
  connection.tell('missed\n');
}

export function on_timer(connection: Connection, _visitor: Visitor): void {
  connection.tell('timer\n');
}
