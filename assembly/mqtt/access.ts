// Access: what the operator has configured: who may connect, and which topics they may write and read. Without a
// user anybody may connect, and without a rule they may do everything.

import { Bytes, config, covers, draft, isPattern, overlaps } from '../kit';

class User {
  constructor(
    readonly name: Bytes,
    readonly password: Bytes,
  ) {}
}

const COLON: u8 = 0x3a;
const READ: i32 = 1;
const WRITE: i32 = 2;

class Rule {
  constructor(
    readonly allows: boolean,
    readonly user: Bytes,
    readonly access: i32,
    readonly pattern: Bytes,
  ) {}
}

/** Nobody that is known by name. */
export const NOBODY: i32 = -1;
export const REFUSED: i32 = -2;

const KEYS: string =
  'user, allow, deny, anonymous, max_packet_bytes, max_waiting, max_waiting_bytes and max_will_delay';

const users: User[] = [];
const rules: Rule[] = [];
let anonymous: boolean = false;

/** The longest packet that is taken. */
export let packetMost: i32 = 65_000;
/** So many messages may wait for a subscriber. */
export let waitMost: i32 = 1000;
/** And so many of their bytes: all clients have one store, which the first slow ones must not fill. */
export let waitBytesMost: u32 = 1_048_576;

/** No will waits for more seconds: as long as it does, its connection is kept. */
export let willDelayMost: u32 = 600;

/** In `_initialize`: a mistake keeps the server from starting. */
export function readConfig(): void {
  const rest = config.bytes();
  let asked: boolean = false;
  for (let number = 1; rest.length > 0; number += 1) {
    const value = rest.cut('\n');
    if (value.trim().length === 0 || value.trim().byte(0) === 0x23) continue;
    const key = value.cut('=').trim();
    const given = value.trim();
    if (key.is('user')) readUser(given, number);
    else if (key.is('allow')) readRule(given, number, true);
    else if (key.is('deny')) readRule(given, number, false);
    else if (key.is('anonymous')) {
      asked = true;
      anonymous = given.is('yes');
      check(anonymous || given.is('no'), number, 'anonymous is yes or no');
    } else if (key.is('max_packet_bytes')) packetMost = readNumber(given, number, 1024, 8_388_608);
    else if (key.is('max_waiting')) waitMost = readNumber(given, number, 0, 4000);
    else if (key.is('max_waiting_bytes'))
      waitBytesMost = <u32>readNumber(given, number, 1024, 1_073_741_824);
    else if (key.is('max_will_delay')) willDelayMost = <u32>readNumber(given, number, 0, 2_000_000);
    else check(false, number, `it begins with none of ${KEYS}`);
  }
  if (!asked) anonymous = users.length === 0;
}

function check(fits: boolean, line: i32, why: string): void {
  assert(fits, `config, line ${line}: ${why}`);
}

function readNumber(given: Bytes, line: i32, least: i32, most: i32): i32 {
  const number = <i32>given.decimal(least, most, -1);
  check(number >= 0, line, `it takes a number from ${least} to ${most}`);
  return number;
}

function readUser(given: Bytes, line: i32): void {
  const parted = given.find(COLON) >= 0;
  const name = given.cut(':').keep();
  check(
    parted && name.length > 0 && name.length <= 64 && !name.is('*'),
    line,
    'write user = NAME:PASSWORD, with a name of 1 to 64 bytes',
  );
  check(find(name) < 0, line, 'this user is there already');
  users.push(new User(name, given.keep()));
}

function readRule(given: Bytes, line: i32, allows: boolean): void {
  const user = given.cut(' ').keep();
  const rest = given.trim();
  const word = rest.cut(' ');
  const access = word.is('read')
    ? READ
    : word.is('write')
      ? WRITE
      : word.is('all')
        ? READ | WRITE
        : 0;
  check(access !== 0, line, 'write USER read|write|all PATTERN; * is every user');
  check(user.is('*') || find(user) >= 0, line, 'there is no such user above this line');
  const pattern = rest.trim();
  check(isPattern(pattern), line, 'this is no topic or pattern of topics');
  rules.push(new Rule(allows, user, access, pattern.keep()));
}

/** @returns the user's place in the list, or -1 */
export function find(name: Bytes): i32 {
  for (let i = 0; i < users.length; i += 1) if (users[i].name.equals(name)) return i;
  return NOBODY;
}

/** Whether a client with this name, or without one, is served without a password. */
export function mayBeNobody(name: Bytes | null): boolean {
  return anonymous && (name === null || users.length === 0);
}

/** @returns the user's place in the list, NOBODY or REFUSED */
export function login(name: Bytes | null, password: Bytes | null): i32 {
  if (name === null) return mayBeNobody(name) ? NOBODY : REFUSED;
  const user = find(name);
  if (user === NOBODY) return mayBeNobody(name) ? NOBODY : REFUSED;
  if (password === null) return REFUSED;
  return password.equalsSecret(users[user].password) ? user : REFUSED;
}

export function mayRead(user: i32, id: Bytes | null, pattern: Bytes): boolean {
  return may(user, id, pattern, READ);
}

export function mayWrite(user: i32, id: Bytes | null, topic: Bytes): boolean {
  return may(user, id, topic, WRITE);
}

// The first rule decides that is about the user and these topics: all of them if it allows, or any if it denies.
function may(user: i32, id: Bytes | null, topics: Bytes, access: i32): boolean {
  for (let i = 0; i < rules.length; i += 1) {
    const rule = rules[i];
    if ((rule.access & access) === 0) continue;
    if (!rule.user.is('*') && (user < 0 || !rule.user.equals(users[user].name))) continue;
    const pattern = filled(rule.pattern, user, id);
    if (pattern === null) continue;
    if (rule.allows ? covers(pattern, topics) : overlaps(pattern, topics)) return rule.allows;
  }
  return rules.length === 0;
}

const made = draft();
const PERCENT: u8 = 0x25;

/** With %u and %c as the user's name and the client id; null if that is none, or would be more than one level. */
function filled(pattern: Bytes, user: i32, id: Bytes | null): Bytes | null {
  let at = pattern.find(PERCENT);
  if (at < 0) return pattern;
  made.clear();
  let from = 0;
  for (; at >= 0; at = pattern.find(PERCENT, at + 1)) {
    const letter = pattern.byte(at + 1);
    if (letter !== 0x75 && letter !== 0x63) continue;
    const name = letter === 0x63 ? id : user < 0 ? null : users[user].name;
    if (name === null || !isLevel(name)) return null;
    made.bytes(pattern.slice(from, at)).bytes(name);
    from = at + 2;
  }
  return made.bytes(pattern.slice(from)).view();
}

const isLevel = (name: Bytes): boolean =>
  name.find(0x2f) < 0 && name.find(0x2b) < 0 && name.find(0x23) < 0;
