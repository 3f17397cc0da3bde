import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Caller } from '../core/caller.ts';
import type { IdentityJudge } from '../core/identity-policy.ts';
import { resolveResourceName } from '../core/resource-name.ts';
import type { StreamCall, StreamHandler } from '../core/rpc.ts';
import type { Secret, SecretRef } from '../core/secret.ts';
import type { Subscriber, Subscription } from '../core/secret-store.ts';
import type { Dialect } from './dialect.ts';
import { requireExpressible } from './encode-secret.ts';
import { requireSecretType, secretTypeUrl } from './resource-type.ts';
import type { SdsContext, SdsService } from './sds-context.ts';
import { type Effect, newSession, pendingCount, type Session, type Step, withReady } from './session.ts';

/** Node ids are kept for the status page; a longer one is cut. */
const NODE_ID_LENGTH = 256;

interface Interest {
  readonly ref: SecretRef;
  readonly subscription: Subscription;
  /** What the store had when it was last looked at: the version that the session knows, and its content. */
  secret: Secret | undefined;
}

/** A secret that a stream was served. */
export interface ServedSecret {
  readonly name: string;
  readonly secret: Secret;
}

/** What belongs to one stream alone. */
export interface StreamParts {
  readonly service: SdsService;
  readonly dialect: Dialect;
  readonly call: StreamCall;
  /** Begins every nonce; no other stream of this process has it. */
  readonly noncePrefix: string;
  readonly onClosed: (stream: SdsStream) => void;
}

/**
 * One stream of secrets: decodes requests, lets the session machine decide, performs the effects.
 * Nothing is read, let alone answered, before the caller's token is verified.
 */
export class SdsStream implements StreamHandler, Subscriber {
  readonly #context: SdsContext;
  readonly #parts: StreamParts;
  readonly #interests = new Map<string, Interest>();
  #session: Session;
  #caller: Caller | undefined;
  #place: Disposable | undefined;
  #closed = false;
  #nodeId = '';
  #halfClosed = false;
  #pending = 0;
  #heardAtMs: number | undefined;
  #changedAtMs: number | undefined;
  #loggedRejection = 0;

  constructor(context: SdsContext, parts: StreamParts) {
    this.#context = context;
    this.#parts = parts;
    this.#session = newSession(parts.noncePrefix);
  }

  /** Verifies who calls; messages wait in the transport until that is known. */
  authenticate(): void {
    const { call } = this.#parts;
    const { authenticator } = this.#context;
    // In a storm of streams nearly every token is known, and to stop and start each stream is not cheap.
    const known = authenticator.recognize(call);
    if (known !== undefined) {
      this.#enter(known);
      return;
    }
    call.pause();
    authenticator.authenticate(call).then(
      (caller) => this.#enter(caller),
      (thrown: unknown) => this.#refuse(toAgentError(thrown)),
    );
  }

  get connectionId(): number {
    return this.#parts.call.connectionId;
  }

  /** The Node id that the Envoy gave itself, or an empty string. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** Subscribed names that nothing is served under. */
  pendingNames(): string[] {
    return [...this.#session.names].filter(([, { ready }]) => ready === undefined).map(([name]) => name);
  }

  /** What the Envoy holds from this stream. */
  servedSecrets(): ServedSecret[] {
    const served: ServedSecret[] = [];
    for (const [name, { secret }] of this.#interests) {
      if (secret !== undefined && this.#session.names.get(name)?.said === secret.version) served.push({ name, secret });
    }
    return served;
  }

  received(message: Buffer): void {
    const { service, dialect } = this.#parts;
    try {
      const heard = dialect.decode(message);
      requireSecretType(heard.typeUrl, service.api, service.aggregated);
      if (heard.nodeId !== undefined) this.#nodeId = heard.nodeId.slice(0, NODE_ID_LENGTH);
      this.#heardAtMs ??= this.#context.clock.monotonic();
      // What was ready a while ago may have expired since, and an ACK may release it: look again.
      this.#perform(heard.applyTo(withReady(this.#session, this.#look())));
    } catch (thrown) {
      this.#refuse(toAgentError(thrown));
    }
  }

  /** A peer that says nothing more is still answered once: so `grpcurl -d` shows something. */
  halfClosed(): void {
    this.#halfClosed = true;
    if (this.#session.responses > 0 || this.#session.names.size === 0) this.#parts.call.end();
  }

  drained(): void {
    this.#parts.call.resume();
  }

  closed(): void {
    this.#closed = true;
    this.#place?.[Symbol.dispose]();
    for (const { subscription } of this.#interests.values()) subscription[Symbol.dispose]();
    this.#interests.clear();
    this.#context.meter.pendingChanged(-this.#pending);
    this.#parts.onClosed(this);
  }

  changed(): void {
    this.#changedAtMs ??= this.#context.clock.monotonic();
    this.#perform(this.#parts.dialect.learnVersions(this.#session, this.#look()));
  }

  reauthenticate(): void {
    const error = new AgentError('reauthentication-needed', 'the token has expired: come back with a fresh one');
    this.#parts.call.end(error);
  }

  /** Ends the stream where its caller may not be served any more. */
  recheck(judge: IdentityJudge): void {
    const verdict = this.#caller && judge.judge(this.#caller.identity.spiffeId);
    if (verdict?.allowed === false) this.#refuse(verdict.error);
  }

  #enter(caller: Caller): void {
    if (this.#closed) return;
    try {
      this.#place = this.#context.limits.enter(caller.identity);
    } catch (thrown) {
      this.#refuse(toAgentError(thrown));
      return;
    }
    this.#caller = caller;
    this.#parts.call.resume();
  }

  #refuse(error: AgentError): void {
    this.#context.refusals.refused(this.#parts.call, error);
    this.#parts.call.end(error);
  }

  #perform(step: Step): void {
    this.#session = step.session;
    let subscribed = false;
    for (const effect of step.effects) {
      this.#performOne(effect);
      subscribed ||= effect.type === 'subscribe';
    }
    if (subscribed) this.#perform(this.#parts.dialect.learnVersions(this.#session, this.#look()));
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
        this.#refuse(effect.error);
        break;
    }
  }

  /** An unknown name is not an error: it stays pending, in silence. */
  #subscribe(name: string): void {
    if (this.#caller === undefined) throw new AgentError('internal', 'a request was heard before its caller was known');
    const ref = resolveResourceName(name, this.#caller, this.#context.names);
    if (ref === undefined) return;
    requireExpressible(ref, name, this.#parts.service.api);
    const subscription = this.#context.store.subscribe(ref, this);
    this.#interests.set(name, { ref, subscription, secret: undefined });
  }

  #unsubscribe(name: string): void {
    this.#interests.get(name)?.subscription[Symbol.dispose]();
    this.#interests.delete(name);
  }

  #say(names: readonly string[], nonce: string): void {
    const { call, dialect, service } = this.#parts;
    const secrets = new Map<string, Secret>();
    for (const name of names) {
      const secret = this.#interests.get(name)?.secret;
      if (secret === undefined) continue;
      secrets.set(name, secret);
      this.#context.meter.served(secret.kind);
    }
    call.send(dialect.encode({ typeUrl: secretTypeUrl(service.api), nonce, secrets }));
    this.#measureDelay();
    if (this.#halfClosed) call.end();
    // Who does not read what it was sent is not listened to either, so that it cannot make us queue more.
    else if (!call.writable) call.pause();
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
      const { reason } = note;
      const pid = this.#parts.call.peer?.pid;
      if (this.#caller !== undefined) {
        this.#context.rejections.rejected(this.#caller.identity, { node: this.#nodeId, pid, reason });
      }
    }
  }

  /** Looks at what can be served now under each name. */
  #look(): Map<string, string | undefined> {
    const versions = new Map<string, string | undefined>();
    for (const [name, interest] of this.#interests) {
      interest.secret = this.#context.store.peek(interest.ref);
      versions.set(name, interest.secret?.version);
    }
    return versions;
  }

  #countPending(): void {
    const pending = pendingCount(this.#session);
    if (pending !== this.#pending) this.#context.meter.pendingChanged(pending - this.#pending);
    this.#pending = pending;
  }
}
