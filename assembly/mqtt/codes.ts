// Codes: the numbers of MQTT 5.0, sections 2.1.2, 2.2.2 and 2.4.

export const CONNECT: i32 = 1;
export const CONNACK: i32 = 2;
export const PUBLISH: i32 = 3;
export const PUBACK: i32 = 4;
export const PUBREC: i32 = 5;
export const PUBREL: i32 = 6;
export const PUBCOMP: i32 = 7;
export const SUBSCRIBE: i32 = 8;
export const SUBACK: i32 = 9;
export const UNSUBSCRIBE: i32 = 10;
export const UNSUBACK: i32 = 11;
export const PINGREQ: i32 = 12;
export const PINGRESP: i32 = 13;
export const DISCONNECT: i32 = 14;

export const WITH_WILL: i32 = 0x04;
export const NO_SUBSCRIPTION: i32 = 0x11;
export const UNSPECIFIED: i32 = 0x80;
export const MALFORMED: i32 = 0x81;
export const PROTOCOL_ERROR: i32 = 0x82;
export const BAD_VERSION: i32 = 0x84;
export const BAD_CLIENT_ID: i32 = 0x85;
export const BAD_PASSWORD: i32 = 0x86;
export const NOT_AUTHORIZED: i32 = 0x87;
export const BAD_AUTHENTICATION: i32 = 0x8c;
export const KEEP_ALIVE: i32 = 0x8d;
export const TAKEN_OVER: i32 = 0x8e;
export const BAD_FILTER: i32 = 0x8f;
export const BAD_TOPIC: i32 = 0x90;
export const NO_SUCH_ID: i32 = 0x92;
export const TOO_MANY: i32 = 0x93;
export const BAD_ALIAS: i32 = 0x94;
export const TOO_LARGE: i32 = 0x95;
export const QUOTA: i32 = 0x97;

/** What is said besides the code. */
export function reasonOf(code: i32): string {
  if (code === PROTOCOL_ERROR) return 'this packet may not come here';
  if (code === NOT_AUTHORIZED) return 'the operator does not allow it';
  if (code === KEEP_ALIVE) return 'nothing came within 1.5 times the keep alive';
  if (code === TAKEN_OVER) return 'another client has this client id now';
  if (code === TOO_MANY) return 'more messages than the receive maximum are not released';
  if (code === TOO_LARGE) return 'the packet is larger than the maximum packet size';
  if (code === QUOTA) return 'more waits than is kept: messages would be missing';
  return '';
}
