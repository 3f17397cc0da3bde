import { AgentError, quoteUntrusted, toAgentError } from '../core/agent-error.ts';
import type { Caller } from '../core/caller.ts';
import { resolveResourceName } from '../core/resource-name.ts';
import type { StreamCall, StreamHandler } from '../core/rpc.ts';
import type { Secret, SecretRef } from '../core/secret.ts';
import type { Subscriber, Subscription } from '../core/secret-store.ts';
import type { Dialect, Heard } from './dialect.ts';
import { requireExpressible } from './encode-secret.ts';
import { requireSecretType, secretTypeUrl } from './resource-type.ts';
import type { SdsContext, SdsService } from './sds-context.ts';
import { type Effect, newSession, pendingCount, type Session, type Step } from './session.ts';

interface Interest {
  readonly ref: SecretRef;
  readonly subscription: Subscription;
}

/** A secret that a stream was served. */
export interface ServedSecret {
  readonly name: string;
  readonly secret: Secret;
}

/**
 * One stream of secrets: decodes requests, lets the session machine decide, performs the effects.
 * Nothing is read, let alone answered, before the caller's token is verified.
 */
export class SdsStream implements StreamHandler, Subscriber {
  readonly #context: SdsContext;
  readonly #service: SdsService;
  readonly #dialect: Dialect;
  readonly #call: StreamCall;
  readonly #onClosed: (stream: SdsStream) => void;
  readonly #interests = new Map<string, Interest>();
  #session: Session;
  #caller: Caller | undefined;
  #nodeId = '';
  #pending = 0;
  #heardAtMs: number | undefined;
  #changedAtMs: number | undefined;
  #loggedRejection = 0;

  constructor(
    context: SdsContext,
    service: SdsService,
    dialect: Dialect,
    call: StreamCall,
    noncePrefix: string,
    onClosed: (stream: SdsStream) => void,
  ) {
    this.#context = context;
    this.#service = service;
    this.#dialect = dialect;
    this.#call = call;
    this.#session = newSession(noncePrefix);
    this.#onClosed = onClosed;
  }

  /** Verifies who calls; messages wait in the transport until that is known. */
  authenticate(): void {
    this.#call.pause();
    this.#context.authenticator.authenticate(this.#call).then(
      (caller) => {
        this.#caller = caller;
        this.#call.resume();
      },
      (thrown: unknown) => this.#call.end(toAgentError(thrown)),
    );
  }

  get connectionId(): number {
    return this.#call.connectionId;
  }

  /** The Node id that the Envoy gave itself, or an empty string. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** Subscribed names that nothing is served under. */
  pendingNames(): string[] {
    return [...this.#session.names].filter(([, { ready }]) => ready === undefined).map(([name]) => name);
  }

  /** What the stream holds now. */
  servedSecrets(): ServedSecret[] {
    const served: ServedSecret[] = [];
    for (const [name, { said }] of this.#session.names) {
      const secret = said === undefined ? undefined : this.#peek(name);
      if (secret !== undefined) served.push({ name, secret });
    }
    return served;
  }

  received(message: Buffer): void {
    try {
      const heard = this.#decode(message);
      requireSecretType(heard.typeUrl, this.#service.api, this.#service.aggregated);
      if (heard.nodeId !== undefined) this.#nodeId = heard.nodeId;
      this.#heardAtMs ??= this.#context.clock.monotonic();
      this.#perform(heard.applyTo(this.#session));
    } catch (thrown) {
      this.#call.end(toAgentError(thrown));
    }
  }

  halfClosed(): void {
    this.#call.end();
  }

  drained(): void {
    this.#call.resume();
  }

  closed(): void {
    for (const { subscription } of this.#interests.values()) subscription[Symbol.dispose]();
    this.#interests.clear();
    this.#context.meter.pendingChanged(-this.#pending);
    this.#onClosed(this);
  }

  changed(): void {
    this.#changedAtMs ??= this.#context.clock.monotonic();
    this.#perform(this.#dialect.learnVersions(this.#session, this.#versions()));
  }

  reauthenticate(): void {
    this.#call.end(new AgentError('reauthentication-needed', 'the token has expired: come back with a fresh one'));
  }

  #decode(message: Buffer): Heard {
    try {
      return this.#dialect.decode(message);
    } catch (cause) {
      throw new AgentError('request-invalid', 'the message is not a discovery request', { cause });
    }
  }

  #perform(step: Step): void {
    this.#session = step.session;
    let subscribed = false;
    for (const effect of step.effects) {
      this.#performOne(effect);
      subscribed ||= effect.type === 'subscribe';
    }
    if (subscribed) this.#perform(this.#dialect.learnVersions(this.#session, this.#versions()));
    else this.#countPending();
  }

  #performOne(effect: Effect): void {
    switch (effect.type) {
      case 'subscribe':
        this.#subscribe(effect.name);
        break;
      case 'unsubscribe':
        this.#unsubscribe(effect.name);
        break;
      case 'say':
        this.#say(effect.names, effect.nonce);
        break;
      case 'note':
        this.#note(effect);
        break;
      case 'end':
        this.#call.end(effect.error);
        break;
    }
  }

  /** An unknown name is not an error: it stays pending, in silence. */
  #subscribe(name: string): void {
    if (this.#caller === undefined) throw new AgentError('internal', 'a request was heard before its caller was known');
    const ref = resolveResourceName(name, this.#caller, this.#context.names);
    if (ref === undefined) return;
    requireExpressible(ref, name, this.#service.api);
    this.#interests.set(name, { ref, subscription: this.#context.store.subscribe(ref, this) });
  }

  #unsubscribe(name: string): void {
    this.#interests.get(name)?.subscription[Symbol.dispose]();
    this.#interests.delete(name);
  }

  #say(names: readonly string[], nonce: string): void {
    const secrets = new Map<string, Secret>();
    for (const name of names) {
      const secret = this.#peek(name);
      if (secret === undefined) continue;
      secrets.set(name, secret);
      this.#context.meter.served(secret.kind);
    }
    this.#call.send(this.#dialect.encode({ typeUrl: secretTypeUrl(this.#service.api), nonce, secrets }));
    this.#measureDelay();
    // Who does not read what it was sent is not listened to either, so that it cannot make us queue more.
    if (!this.#call.writable) this.#call.pause();
  }

  #measureDelay(): void {
    const { clock, meter } = this.#context;
    if (this.#heardAtMs !== undefined && this.#session.responses === 1) {
      meter.firstServed((clock.monotonic() - this.#heardAtMs) / 1000);
    } else if (this.#changedAtMs !== undefined) {
      meter.pushed((clock.monotonic() - this.#changedAtMs) / 1000);
    }
    this.#changedAtMs = undefined;
  }

  #note(note: Extract<Effect, { type: 'note' }>): void {
    this.#context.meter.acknowledged(note.heard);
    if (note.heard === 'ack') {
      for (const [name, version] of note.versions) this.#interests.get(name)?.subscription.acknowledged(version);
    }
    if (note.heard === 'nack' && this.#loggedRejection !== this.#session.responses) {
      this.#loggedRejection = this.#session.responses;
      const fields = { node: quoteUntrusted(this.#nodeId), reason: quoteUntrusted(note.reason) };
      this.#context.log.warn('envoy rejected a secret; it is held back until it changes', fields);
    }
  }

  #peek(name: string): Secret | undefined {
    const interest = this.#interests.get(name);
    return interest && this.#context.store.peek(interest.ref);
  }

  #versions(): Map<string, string | undefined> {
    return new Map([...this.#interests.keys()].map((name) => [name, this.#peek(name)?.version]));
  }

  #countPending(): void {
    const pending = pendingCount(this.#session);
    if (pending !== this.#pending) this.#context.meter.pendingChanged(pending - this.#pending);
    this.#pending = pending;
  }
}
