// Talk: commands about the connection and the server, and not about keys.

import { Bytes, CLOSE_GRACEFUL, Connection, tail, view } from '../kit';
import { args, count } from '../kit/resp-request';
import {
  bulk,
  error,
  integer,
  list,
  map,
  nothing,
  notInteger,
  ok,
  shown,
  simple,
  speak,
  text,
  unknownSubcommand,
  wrongArity,
} from './answers';
import { leaveAll } from './channels';
import { Client, NAME_BYTES } from './client';
import { isInteger } from './numbers';

const VERSION: string = '7.0.0';

/** @returns whether it was one of them */
export function talk(
  connection: Connection,
  client: Client,
  name: Bytes,
  password: Bytes | null,
): boolean {
  if (name.like('auth')) auth(client, password);
  else if (name.like('hello')) hello(connection, client, password);
  else if (name.like('quit')) {
    ok();
    connection.close(CLOSE_GRACEFUL);
  } else if (name.like('reset')) {
    if (count > 1) {
      wrongArity('reset');
      return true;
    }
    leaveAll(connection, client);
    client.protocol = 2;
    client.trusted = 0;
    client.named = 0;
    speak(2);
    simple('RESET');
  } else if (password !== null && client.trusted === 0) return false;
  else if (name.like('ping')) ping();
  else if (name.like('echo')) {
    if (count === 2) bulk(args[1]);
    else wrongArity('echo');
  } else if (name.like('select')) select();
  else if (name.like('client')) clientCommand(connection, client);
  else if (name.like('command')) commandCommand();
  else if (name.like('config')) configCommand();
  else if (name.like('info')) info();
  else return false;
  return true;
}

/** What a subscriber may say by RESP2, besides. */
export function subscriberTalk(connection: Connection, client: Client, name: Bytes): void {
  if (name.like('ping') && count <= 2) {
    list(2);
    text('pong');
    bulk(count === 2 ? args[1] : view(0, 0));
  } else if (name.like('ping') || name.like('quit') || name.like('reset')) {
    talk(connection, client, name, null);
  } else {
    const command = shown(name, 128).toLowerCase();
    error(
      `ERR Can't execute '${command}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
    );
  }
}

function ping(): void {
  if (count > 2) wrongArity('ping');
  else if (count === 2) bulk(args[1]);
  else simple('PONG');
}

function select(): void {
  if (count !== 2) wrongArity('select');
  else if (args[1].is('0')) ok();
  else if (isInteger(args[1])) error('ERR DB index is out of range');
  else notInteger();
}

const DEFAULT_USER: string = 'default';

function auth(client: Client, password: Bytes | null): void {
  if (count < 2) wrongArity('auth');
  else if (count > 3) error('ERR syntax error');
  else if (count === 2 && password === null) {
    error(
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    );
  } else if (isRight(client, count === 3 ? args[1] : null, args[count - 1], password)) ok();
}

/** Says so if it is not. Without a password any is right for the user `default`, as with Redis. */
function isRight(
  client: Client,
  user: Bytes | null,
  given: Bytes,
  password: Bytes | null,
): boolean {
  const known = user === null || user.is(DEFAULT_USER);
  if (known && (password === null || given.equalsSecret(password))) {
    client.trusted = 1;
    return true;
  }
  error('WRONGPASS invalid username-password pair or user is disabled.');
  return false;
}

function hello(connection: Connection, client: Client, password: Bytes | null): void {
  let protocol = client.protocol === 3 ? 3 : 2;
  if (count > 1) {
    if (!isInteger(args[1])) {
      error('ERR Protocol version is not an integer or out of range');
      return;
    }
    if (!args[1].is('2') && !args[1].is('3')) {
      error('NOPROTO unsupported protocol version');
      return;
    }
    protocol = <i32>args[1].decimal(2, 3, 2);
  }
  let name: Bytes | null = null;
  for (let i = 2; i < count; i += 1) {
    if (args[i].like('auth') && i + 2 < count) {
      if (!isRight(client, args[i + 1], args[i + 2], password)) return;
      i += 2;
    } else if (args[i].like('setname') && i + 1 < count) {
      i += 1;
      name = args[i];
      if (!isName(args[i])) return;
    } else {
      error(`ERR Syntax error in HELLO option '${shown(args[i], 128)}'`);
      return;
    }
  }
  if (password !== null && client.trusted === 0) {
    error(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    );
    return;
  }
  if (name !== null) setName(client, name);
  client.protocol = protocol;
  speak(protocol);
  greet(connection, protocol);
}

function greet(connection: Connection, protocol: i32): void {
  map(7);
  text('server');
  text('redis');
  text('version');
  text(VERSION);
  text('proto');
  integer(protocol);
  text('id');
  integer(connection.id);
  text('mode');
  text('standalone');
  text('role');
  text('master');
  text('modules');
  list(0);
}

function clientCommand(connection: Connection, client: Client): void {
  if (count < 2) wrongArity('client');
  else if (args[1].like('id')) {
    if (count === 2) integer(connection.id);
    else wrongArity('client|id');
  } else if (args[1].like('getname')) {
    if (count !== 2) wrongArity('client|getname');
    else if (client.named === 0) nothing();
    else bulk(tail(client, client.named));
  } else if (args[1].like('setname')) {
    if (count !== 3) wrongArity('client|setname');
    else if (isName(args[2])) {
      setName(client, args[2]);
      ok();
    }
  } else if (args[1].like('info')) {
    if (count !== 2) wrongArity('client|info');
    else {
      const name = client.named === 0 ? '' : tail(client, client.named).toString();
      text(
        `id=${connection.id} addr=${connection.address().toString()} name=${name} db=0 resp=${client.protocol === 3 ? 3 : 2}\n`,
      );
    }
  } else unknownSubcommand('client');
}

/** Says so if it is none. */
function isName(name: Bytes): boolean {
  for (let i = 0; i < name.length; i += 1) {
    if (name.byte(i) > 0x20 && name.byte(i) < 0x7f) continue;
    error('ERR Client names cannot contain spaces, newlines or special characters.');
    return false;
  }
  if (name.length > NAME_BYTES) error(`ERR a client name has at most ${NAME_BYTES} bytes`);
  return name.length <= NAME_BYTES;
}

function setName(client: Client, name: Bytes): void {
  client.named = name.length;
  name.copyTo(tail(client, name.length).at);
}

// Clients ask for tables of commands to complete and check what is typed; without them they go on.
function commandCommand(): void {
  if (count > 1 && args[1].like('docs')) map(0);
  else if (count > 1 && args[1].like('count')) integer(0);
  else list(0);
}

function configCommand(): void {
  if (count >= 3 && args[1].like('get')) map(0);
  else if (count < 2) wrongArity('config');
  else unknownSubcommand('config');
}

function info(): void {
  text(`# Server\r\nredis_version:${VERSION}\r\nredis_mode:standalone\r\nserver_name:wasmpoll\r\n`);
}
