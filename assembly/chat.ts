// Chat: a line from one member goes to all others, whichever worker serves them: members join a topic. All
// that is known of a member lies in its state block. A member that does not read costs the others nothing.

import {
  Bytes,
  CLOSE_ABORT,
  Connection,
  draft,
  input,
  literal,
  PUBLISH_OTHERS,
  publish,
  Session,
  stateSize,
  tail,
  view,
} from './kit';

export * from './guest';

const SPACE: i32 = 0x20;
const DELETE: i32 = 0x7f;
const NAME_BYTES: i32 = 32;
const NAME_RULE = 'a name has 1 to 32 printable characters; name? ';

// Above so much unsent text a member is given no more; below the lower mark it is again.
const SLOW_BYTES: i32 = 64 * 1024;
const CAUGHT_UP_BYTES: i32 = 16 * 1024;
// It is warned after the first and dropped after the second.
const WARN_MS: i32 = 1000;
const DROP_MS: i32 = 4000;

const room = literal('chat');
const line = draft();

/** The name is behind the fields. */
@unmanaged
class Member extends Session {
  /** Bytes of the name; 0 before it is given. */
  length!: i32;
  /** Whether it has so much unread text that lines are withheld from it. */
  missed!: boolean;
  /** Whether it was told that it will be dropped. */
  warned!: boolean;
}

export function state_size(): i32 {
  return stateSize<Member>(NAME_BYTES);
}

export function on_open(connection: Connection, _member: Member): void {
  connection.tell('name? ');
}

export function on_data(connection: Connection, member: Member, data: usize, length: i32): i32 {
  input.begin(connection, member, data, length);
  while (input.next()) {
    const text = input.line();
    if (!input.ok()) break;
    if (member.length === 0) enter(connection, member, text);
    else if (text.is('/quit')) {
      connection.tell('* bye\n');
      connection.close();
    } else if (text.length > 0) say(connection, member, text);
  }
  return input.finish();
}

// A member that does not read is not read from either.
export function on_message(
  connection: Connection,
  member: Member,
  _tag: i32,
  _flags: i32,
  _topic: usize,
  _topicLength: i32,
  data: usize,
  length: i32,
): void {
  if (member.missed) return;
  if (connection.backlog <= SLOW_BYTES) {
    connection.send(view(data, length));
    return;
  }
  member.missed = true;
  connection.pause();
  connection.timer(WARN_MS);
}

export function on_missed(connection: Connection, member: Member): void {
  // It will be told when it has caught up.
  if (!member.missed) connection.tell('* you have missed lines\n');
}

export function on_timer(connection: Connection, member: Member): void {
  if (connection.backlog <= CAUGHT_UP_BYTES) catchUp(connection, member);
  else if (member.warned) connection.close(CLOSE_ABORT);
  else {
    member.warned = true;
    connection.tell('* you do not read; you will be dropped\n');
    connection.timer(DROP_MS);
  }
}

export function on_drain(connection: Connection, member: Member): void {
  if (member.missed) catchUp(connection, member);
}

export function on_close(_connection: Connection, member: Member, _reason: i32): void {
  if (member.length > 0) announce(member, ' has left\n');
}

function enter(connection: Connection, member: Member, name: Bytes): void {
  if (!printable(name)) connection.tell(NAME_RULE);
  else if (connection.join(room) < 0) {
    connection.tell('* the room is full\n');
    connection.close();
  } else {
    member.length = name.length;
    name.copyTo(tail(member, name.length).at);
    announce(member, ' has joined\n');
  }
}

function printable(text: Bytes): boolean {
  for (let i = 0; i < text.length; i += 1) {
    if (text.byte(i) < SPACE || text.byte(i) === DELETE) return false;
  }
  return text.length >= 1 && text.length <= NAME_BYTES;
}

function say(connection: Connection, member: Member, text: Bytes): void {
  line.clear().bytes(nameOf(member)).text(': ').bytes(text).text('\n');
  if (publish(room, line.view(), PUBLISH_OTHERS) < 0) connection.tell('* the line is too long\n');
}

/** `* NAME has …` to all but the one whom it is about. */
function announce(member: Member, what: string): void {
  publish(room, line.clear().text('* ').bytes(nameOf(member)).text(what).view(), PUBLISH_OTHERS);
}

function nameOf(member: Member): Bytes {
  return tail(member, member.length);
}

function catchUp(connection: Connection, member: Member): void {
  member.missed = false;
  member.warned = false;
  connection.timer(0);
  connection.tell('* you have missed lines\n');
  connection.resume();
}
