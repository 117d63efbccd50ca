// A program's own side of shared state, over the twin: what it is told is written down, and turns are taken when
// a test says so.

import type { SharedLimits } from '../../host/shared/contract.ts';
import { Member, type MemberBounds } from '../../host/shared/member/member.ts';
import type { Subscription } from '../../host/shared/member/subscriptions.ts';
import { OWN_SEAT } from '../../host/shared/seats.ts';
import { Twin } from '../../host/shared/twin.ts';
import { roomy, Seat } from './shared-seats.ts';

/** A worker's. */
export const WORKER = OWN_SEAT + 1;

const bounds: MemberBounds = {
  maxTopicBytes: 1024,
  maxMessageBytes: 65_536,
  maxKeyBytes: 512,
  maxValueBytes: 65_536,
  maxPending: 1000,
};

export class OwnSide {
  now = 1;
  /** Something waits, and no turn was taken since. */
  woken = false;
  readonly missed: Subscription[] = [];
  readonly failed: unknown[] = [];
  readonly twin: Twin;
  readonly member: Member;
  readonly worker: Seat;

  constructor(limits: Partial<SharedLimits> = {}, changed: Partial<MemberBounds> = {}) {
    const wake = (): void => {
      this.woken = true;
    };
    this.twin = new Twin({ ...roomy, ...limits }, (seat) => {
      if (seat === OWN_SEAT) wake();
    });
    this.twin.open(OWN_SEAT, 1);
    this.twin.open(WORKER, 2);
    this.worker = new Seat(this.twin.seat(WORKER));
    const observer = {
      missed: (subscription: Subscription) => this.missed.push(subscription),
      failed: (error: unknown) => this.failed.push(error),
      wake,
    };
    this.member = new Member(this.twin, { ...bounds, ...changed }, observer, () => this.now);
  }

  /** Takes turns for as long as something waits. */
  settle(): void {
    while (this.woken) this.woken = this.member.turn();
  }

  /** Subscribes, and writes down what comes as `topic data`, with a `*` before what was retained. */
  listen(topic: string, options: { pattern?: boolean } = {}): string[] {
    const heard: string[] = [];
    this.member.subscribe(
      topic,
      (data, { topic, retained }) => {
        heard.push(`${retained ? '*' : ''}${topic} ${Buffer.from(data).toString()}`);
      },
      options,
    );
    return heard;
  }
}
