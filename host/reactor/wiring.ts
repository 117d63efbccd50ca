// Wiring: makes the classes of this room, each after those that it calls. It knows who works with whom,
// and not what at.

import { Outbox } from '../memory/outbox.ts';
import { Backlog } from './backlog.ts';
import { Apply } from './calls/apply.ts';
import { Callbacks } from './calls/callbacks.ts';
import { Delivery } from './calls/delivery.ts';
import type { Started } from './calls/replacement.ts';
import { Deadlines } from './deadlines.ts';
import { Endings } from './endings.ts';
import { Preface } from './entry/preface.ts';
import { Flow } from './flow.ts';
import { Input } from './input.ts';
import { Lifecycle } from './lifecycle.ts';
import { Dialing } from './outbound/dialing.ts';
import { Outgoing } from './outbound/outgoing.ts';
import { Splicing } from './outbound/splicing.ts';
import { Ties } from './outbound/ties.ts';
import { Output } from './output.ts';
import { Parting } from './parting.ts';
import type { Parts } from './parts.ts';
import { Handshakes } from './tls/handshakes.ts';
import { Secure } from './tls/secure.ts';

/** What a turn and the reactor's commands call. */
export interface Works {
  readonly outbox: Outbox;
  readonly backlog: Backlog;
  readonly output: Output;
  readonly deadlines: Deadlines;
  readonly endings: Endings;
  readonly handshakes: Handshakes;
  readonly flow: Flow;
  readonly lifecycle: Lifecycle;
  readonly callbacks: Callbacks;
  readonly preface: Preface;
  readonly input: Input;
  readonly secure: Secure;
  readonly delivery: Delivery;
  readonly outgoing: Outgoing;
  readonly splicing: Splicing;
  readonly ties: Ties;
  readonly parting: Parting;
  readonly dialing: Dialing;
}

/** @param started the instance that serves first */
export function wire(parts: Parts, started: Started): Works {
  const backlog = new Backlog(parts);
  const { kernel, connections, batch, control } = parts;
  const outbox = new Outbox(kernel, connections.segment, batch, control.outbox);
  const output = new Output(parts, backlog, outbox);
  const outgoing = new Outgoing(parts);
  const deadlines = new Deadlines(parts, outgoing);
  const flow = new Flow(parts, output, deadlines);
  const endings = new Endings(parts);
  const handshakes = new Handshakes(parts, deadlines);
  const lifecycle = new Lifecycle(
    parts,
    output,
    backlog,
    flow,
    deadlines,
    handshakes,
    endings,
    outgoing,
  );
  const splicing = new Splicing(parts, backlog, flow, deadlines, lifecycle);
  const ties = new Ties(parts, outgoing, splicing, lifecycle);
  const apply = new Apply(parts, backlog, flow, lifecycle, deadlines, handshakes, ties);
  const callbacks = new Callbacks(parts, output, apply, endings, started);
  const parting = new Parting(parts, callbacks, flow, ties);
  const dialing = new Dialing(parts, { backlog, callbacks, deadlines, endings, flow, outgoing });
  const delivery = new Delivery(parts, outbox, flow, deadlines, callbacks);
  const moving = { output, backlog, deadlines, flow, lifecycle, callbacks, splicing };
  const input = new Input(parts, moving);
  const others = { ...moving, endings, handshakes };
  const preface = new Preface(parts, others);
  const secure = new Secure(parts, { ...others, dialing, input, preface });
  const outward = { outgoing, ties, parting, dialing };
  return { ...others, ...outward, outbox, preface, input, secure, delivery };
}
