// Group bytes in the twin and in the addon: what retained messages and one connection may take of them, so that others
// can still join.

import { STATUS_LIMIT, STATUS_OK } from '../../assembly/abi.ts';
import {
  CHARGE_MEMBER,
  CHARGE_RETAINED,
  CHARGE_TOPIC,
  FLAG_RETAIN,
} from '../../host/shared/records.ts';
import { behaviour, counted } from '../helpers/shared-behaviour.ts';
import { join, leave, publish } from '../helpers/shared-seats.ts';

behaviour('retained messages leave a quarter of the room to those who join', (t, open) => {
  const groupBytes = 40_000;
  const { shared, one, two } = open({ groupBytes });
  const keep = (index: number, data = 'data') => publish(0, `${index}`, data, FLAG_RETAIN);
  let kept = 0;
  for (; one.check(keep(kept)) === STATUS_OK; kept += 1) one.commit([keep(kept)]);
  const bytes = counted(shared, 'COUNT_GROUP_BYTES');
  t.true(bytes <= groupBytes * 0.75 && bytes > groupBytes * 0.75 - CHARGE_RETAINED - 8);
  let joined = 0;
  for (; two.check(join(joined + 1, 0, 'room')) === STATUS_OK; joined += 1) {
    two.commit([join(joined + 1, 0, 'room')]);
  }
  t.true(joined > (groupBytes / 4 - CHARGE_TOPIC) / CHARGE_MEMBER - 2, `${joined} have joined`);
  t.is(one.check(keep(0, 'more')), STATUS_OK, 'what adds nothing is not refused');
  t.is(one.check(keep(0, 'more'.repeat(100))), STATUS_LIMIT);
  t.is(one.check(keep(kept, '')), STATUS_OK);
});

behaviour('a connection takes no more of the room than it leaves to others', (t, open) => {
  const each = CHARGE_TOPIC + 'topic-00'.length + CHARGE_MEMBER;
  const { one, two } = open({ groupBytes: 12 * each });
  const fill = (handle: number): number => {
    const topic = (index: number) => `topic-${handle}${String.fromCharCode(97 + index)}`;
    let joined = 0;
    for (; one.check(join(handle, 0, topic(joined))) === STATUS_OK; joined += 1) {
      one.commit([join(handle, 0, topic(joined))]);
    }
    return joined;
  };
  t.is(fill(1), 6);
  t.is(fill(2), 3);
  t.is(fill(3), 2);
  t.is(two.check(join(4, 0, 'topic-00')), STATUS_OK, 'whoever has nothing may still join');
  one.commit([leave(1, 'topic-1a'), leave(1, 'topic-1b')]);
  t.is(fill(2), 3, 'as much as it leaves');
  one.shared.leaveAll(1);
  t.is(fill(1), 4);
});
