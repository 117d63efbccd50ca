// Topics as text: any bytes, and back without loss.

import test from 'ava';
import fc from 'fast-check';
import { topicBytes, topicText } from '../../host/shared/member/topic-text.ts';
import { OwnSide } from '../helpers/own-side.ts';
import { join, publish } from '../helpers/shared-seats.ts';

// Bytes that begin, continue and end characters, rightly or not.
const byte = fc.oneof(
  fc.constantFrom(0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xc3, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0xef, 0xbb),
  fc.constantFrom(0xbf, 0xbd, 0xf0, 0x9f, 0x98, 0x80, 0xf4, 0xff),
  fc.integer({ min: 0, max: 255 }),
);

test('any bytes become text, and the same bytes again', (t) => {
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 24 }), (bytes) => {
      const text = topicText(Uint8Array.from(bytes));
      t.deepEqual([...topicBytes(text)], bytes);
    }),
    { numRuns: 2000 },
  );
});

test('text becomes UTF-8, and the same text again', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 24 }), (text) => {
      t.deepEqual(topicBytes(text), Uint8Array.from(Buffer.from(text)));
      t.is(topicText(Buffer.from(text)), text);
    }),
  );
  for (const text of ['\ufeffbom', 'a\ufffdb', '\u{1f600}', ''])
    t.is(topicText(topicBytes(text)), text);
});

test('bytes that are no UTF-8 are escaped one by one', (t) => {
  const cases: [number[], string][] = [
    [[0xff, 0x61], '\udcffa'],
    [[0xc3], '\udcc3'],
    [[0xc3, 0xa9, 0xc3], 'é\udcc3'],
    [[0xe2, 0x82, 0x61], '\udce2\udc82a'],
    // A surrogate, and a letter that takes a byte too many.
    [[0xed, 0xa0, 0x80], '\udced\udca0\udc80'],
    [[0xc1, 0x81], '\udcc1\udc81'],
    [[0xef, 0xbf, 0xbd, 0xff], '\ufffd\udcff'],
  ];
  for (const [bytes, text] of cases) t.is(topicText(Uint8Array.from(bytes)), text);
});

test('two topics that are no UTF-8 are two in a program, which can answer on them', (t) => {
  const side = new OwnSide();
  side.worker.commit([join(1, 0, 'to/\xff'), join(2, 0, 'to/\xfe')]);
  const heard: string[] = [];
  side.member.subscribe(
    '#',
    (_, { topic }) => {
      heard.push(topic);
      if (topic.startsWith('from/')) side.member.publish(topic.replace('from/', 'to/'), 'answer');
    },
    { pattern: true },
  );
  side.worker.commit([publish(3, 'from/\xff', 'x'), publish(3, 'from/\xfe', 'y')]);
  side.settle();
  t.deepEqual(heard, ['from/\udcff', 'from/\udcfe', 'to/\udcff', 'to/\udcfe']);
  const answered = side.worker
    .takeAll()
    .flatMap((event) => (event.kind === 'message' ? event.to : []));
  t.deepEqual(answered, [
    [1, 0],
    [2, 0],
  ]);
  // A subscription is by the same bytes.
  const own = side.listen('from/\udcff');
  side.worker.commit([publish(3, 'from/\xff', 'x')]);
  side.settle();
  t.deepEqual(own, ['from/\udcff x']);
});
