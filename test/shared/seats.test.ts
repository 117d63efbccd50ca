// Numbers of seats: none is had twice, and one that is given back is not taken soon.

import test from 'ava';
import { OWN_SEAT, SeatNumbers } from '../../host/shared/seats.ts';

test('each worker has a number of its own, and none has the program’s', (t) => {
  const numbers = new SeatNumbers();
  const taken = Array.from({ length: 4095 }, () => numbers.take());
  t.is(new Set(taken).size, 4095);
  t.false(taken.includes(OWN_SEAT));
  t.true(taken.every((number) => number < 4096));
});

test('a number that is given back is the last to be taken again', (t) => {
  const numbers = new SeatNumbers();
  const kept = numbers.take();
  const given = numbers.take();
  numbers.giveBack(given);
  const next = Array.from({ length: 4093 }, () => {
    const number = numbers.take();
    numbers.giveBack(number);
    return number;
  });
  t.false(next.includes(given));
  t.false(next.includes(kept));
  t.is(numbers.take(), given);
});
