import type { Subscriber, Subscription } from '../core/secret-store.ts';

/** Everybody who is subscribed to one secret, and which version each has acknowledged. */
export class Audience {
  readonly #members = new Set<Member>();

  get size(): number {
    return this.#members.size;
  }

  /** @param onLeave is called once, when the subscription is disposed */
  join(subscriber: Subscriber, onLeave: () => void): Subscription {
    const member = new Member(subscriber, () => {
      if (this.#members.delete(member)) onLeave();
    });
    this.#members.add(member);
    return member;
  }

  /** Tells everybody that the secret has changed. */
  changed(): void {
    for (const { subscriber } of this.#members) subscriber.changed();
  }

  /** How many have not acknowledged this version. */
  behind(version: string): number {
    let behind = 0;
    for (const { acknowledgedVersion } of this.#members) if (acknowledgedVersion !== version) behind++;
    return behind;
  }

  /** How many have acknowledged another version and not yet this one. */
  lagging(version: string): number {
    let lagging = 0;
    for (const { acknowledgedVersion } of this.#members) {
      if (acknowledgedVersion !== '' && acknowledgedVersion !== version) lagging++;
    }
    return lagging;
  }

  /** Asks all of them to come back. */
  sendBack(): void {
    // They leave meanwhile.
    for (const { subscriber } of [...this.#members]) subscriber.reauthenticate();
  }

  /** Sends one of them back for a fresh token, each time another. False when there is nobody. */
  sendOneBack(): boolean {
    const [member] = this.#members;
    if (member === undefined) return false;
    // To the end of the line, in case it does not leave.
    this.#members.delete(member);
    this.#members.add(member);
    member.subscriber.reauthenticate();
    return true;
  }
}

class Member implements Subscription {
  readonly subscriber: Subscriber;
  readonly #leave: () => void;
  #acknowledged = '';

  constructor(subscriber: Subscriber, leave: () => void) {
    this.subscriber = subscriber;
    this.#leave = leave;
  }

  get acknowledgedVersion(): string {
    return this.#acknowledged;
  }

  acknowledged(version: string): void {
    this.#acknowledged = version;
  }

  [Symbol.dispose](): void {
    this.#leave();
  }
}
