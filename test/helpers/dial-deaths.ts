// A scripted afternoon of a reactor whose guest has upstreams, and whose thread ends at any step: what thread-deaths.ts
// checks, and that of two that are linked neither stays behind alone.

import { pattern } from './bytes.ts';
import { type Deaths, type hostOfDeaths, type Outcome, Place } from './thread-deaths.ts';

type Host = Awaited<ReturnType<typeof hostOfDeaths>>;

/** A client and its upstream. */
const PAIRS = ['plain', 'bulk', 'reset', 'gone', 'late'] as const;

/**
 * The guest is the bundled proxy: each client has a connection to the upstream, linked and spliced.
 * @param secured by TLS, on both sides
 */
export function liveOutward(host: Host, deaths: Deaths, secured = false): Outcome {
  const place = new Place(host, deaths, secured);
  const bulk = pattern(40_000, 11);
  place.connect('plain', 'plain');
  place.queue('plain', 'before it is there');
  place.settle();
  place.connect('bulk', 'bulk', 5000);
  place.answer('plain', 'up plain', { secured });
  place.answer('bulk', 'up bulk', { bufferBytes: 3000, secured });
  place.connect('refused', 'refused');
  place.queue('refused', 'to nobody');
  place.settle();
  place.answer('refused', null);
  expect(place, 'up plain', 'before it is there');
  talk(place, 'up plain', 'plain', 'an answer');
  talk(place, 'plain', 'up plain', ' and more');
  pump(place, 'bulk', 'up bulk', bulk);
  pump(place, 'up bulk', 'bulk', bulk.subarray(0, 25_000));
  place.connect('leaver', 'leaver');
  place.reset('leaver');
  place.connect('reset', 'reset');
  place.answer('reset', 'up reset', { secured });
  talk(place, 'reset', 'up reset', 'hello');
  if (place.has('up reset')) place.reset('up reset');
  place.connect('gone', 'gone');
  place.answer('gone', 'up gone', { secured });
  talk(place, 'gone', 'up gone', 'hello');
  place.reset('gone');
  // Half an end, the other half, and both are over.
  finish(place, 'plain', 'up plain');
  place.connect('late', 'late');
  place.advance(10);
  place.answer('late', 'up late', { secured });
  talk(place, 'late', 'up late', 'late');
  finish(place, 'late', 'up late');
  finish(place, 'up bulk', 'bulk');
  place.advance(1000);
  for (const pair of PAIRS) place.share(pair, `up ${pair}`);
  for (const each of ['refused', 'leaver', 'reset', 'up reset', 'gone', 'up gone']) {
    if (place.has(each)) place.giveUp(each);
  }
  place.refuseRest();
  return place.finish();
}

function expect(place: Place, name: string, text: string | Uint8Array): void {
  if (place.has(name)) place.expect(name, text);
}

function talk(place: Place, from: string, to: string, text: string): void {
  if (!place.has(from) || !place.has(to)) return;
  place.queue(from, text);
  place.settle();
  place.expect(to, text);
  place.read(to);
}

function pump(place: Place, from: string, to: string, bytes: Uint8Array): void {
  if (!place.has(from) || !place.has(to)) return;
  place.expect(to, bytes);
  for (let at = 0; at < bytes.length; at += 2000) {
    place.send(from, bytes.subarray(at, at + 2000));
    place.read(to);
  }
}

function finish(place: Place, one: string, other: string): void {
  for (const each of [one, other]) {
    if (!place.has(each)) return;
    place.end(each);
    place.read(each);
  }
  place.read(one);
}
