import { inspect } from 'node:util';
import { workerData } from 'node:worker_threads';
import type { CaProvider } from '../../core/ca-provider.ts';
import type { Log, LogFields } from '../../core/log.ts';
import { Redacted } from '../../core/redacted.ts';
import { parseSpiffeId } from '../../core/spiffe-id.ts';
import { RateWindow } from '../../runtime/rate-window.ts';
import { onStrayRejection } from '../../runtime/stray-rejections.ts';
import { systemClock } from '../../runtime/system-clock.ts';
import { endWhenUncaught } from '../../runtime/uncaught-errors.ts';
import { loadPlugIn, UnusableModule } from './load-plug-in.ts';
import {
  bounded,
  type FromPlugIn,
  type LogLevel,
  type PlainValue,
  type PlugInStart,
  type Question,
  type ToPlugIn,
  toFailure,
} from './plug-in-messages.ts';

/** Roots that change more often than this are told of once. */
const ROOTS_PAUSE_MS = 1000;
/** Before roots are watched again whose watching has ended. */
const WATCH_AGAIN_MS = 10_000;
const MOST_FIELDS = 20;
/** Lines, of so many characters each at most; a longer one counts for several. What goes beyond that is dropped. */
const MOST_SAID_PER_SECOND = 100;
const LINE_LENGTH = 1024;
/** Far more than any chain or set of roots has, and nothing to the agent's memory. */
const MOST_PARTS = 1000;
const LARGEST_PART = 4 * 1024 * 1024;
const TOO_LARGE = { code: 'ca-answer-invalid', message: 'the CA module answers with more than any CA has to say' };

/** The main file of a plug-in's thread: loads the module and hands it what the agent asks. */
const { module, written, trustDomain, port }: PlugInStart = workerData;
const log = createLog({});
const running = new Map<number, AbortController>();
const output = new RateWindow(MOST_SAID_PER_SECOND, systemClock);

// A rejection that nobody waits for is untidy and no reason to end every request that is running.
onStrayRejection((thrown) => {
  log.warn('the CA module left a rejected promise behind', { error: toFailure(thrown).message });
});

endWhenUncaught((thrown) => send({ kind: 'ended', fault: toFailure(thrown).message }));

// Our output is for the agent's events alone, and what libraries print may have secrets in it.
for (const stream of [process.stdout, process.stderr]) Object.assign(stream, { write: print });

try {
  serve(await loadPlugIn(module, { ...written, trustDomain, log }));
} catch (thrown) {
  if (!(thrown instanceof UnusableModule)) throw thrown;
  send({ kind: 'unusable', fault: thrown.message });
}

function serve(provider: CaProvider): void {
  port.on('message', (message: ToPlugIn) => {
    switch (message.kind) {
      case 'ask':
        void answer(provider, message.id, message.question);
        return;
      case 'abort':
        running.get(message.id)?.abort();
        running.delete(message.id);
        send({ kind: 'aborted', id: message.id });
    }
  });
  send({ kind: 'ready', name: provider.name, watchesRoots: typeof provider.watchRoots === 'function' });
  void watchRoots(provider);
}

async function answer(provider: CaProvider, id: number, question: Question): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const given: unknown = await ask(provider, question, controller.signal);
    if (isTooLarge(given)) send({ kind: 'failed', id, failure: TOO_LARGE });
    else sendAnswer(id, given);
  } catch (thrown) {
    send({ kind: 'failed', id, failure: toFailure(thrown) });
  } finally {
    running.delete(id);
  }
}

function ask(provider: CaProvider, question: Question, signal: AbortSignal): Promise<unknown> {
  switch (question.kind) {
    case 'sign': {
      const { spiffeId, csr, ttlMs, token } = question;
      // As a Buffer, which is what most libraries make the most of.
      const request = { id: parseSpiffeId(spiffeId), csr: Buffer.from(csr), ttlMs, token: new Redacted(token) };
      return provider.sign(request, signal);
    }
    case 'roots':
      return provider.roots(signal);
  }
}

/** Is looked at here: what comes to the agent has been copied into its memory already. */
function isTooLarge(given: unknown): boolean {
  const isLarge = (part: unknown): boolean =>
    (typeof part === 'string' || part instanceof Uint8Array) && part.length > LARGEST_PART;
  return Array.isArray(given) ? given.length > MOST_PARTS || given.some(isLarge) : isLarge(given);
}

function sendAnswer(id: number, given: unknown): void {
  try {
    send({ kind: 'answered', id, answer: given });
  } catch {
    // Such as a function.
    const message = 'the CA module answers with what cannot go to another thread: certificates are Uint8Arrays';
    send({ kind: 'failed', id, failure: { code: 'ca-answer-invalid', message } });
  }
}

async function watchRoots(provider: CaProvider): Promise<void> {
  const { signal } = new AbortController();
  while (typeof provider.watchRoots === 'function') {
    try {
      for await (const roots of provider.watchRoots(signal)) {
        if (isTooLarge(roots)) log.warn('the CA module tells of more roots than can be', {});
        else send({ kind: 'roots', roots });
        await systemClock.sleep(ROOTS_PAUSE_MS, signal);
      }
    } catch (thrown) {
      log.warn('the CA module does not tell of its roots any more; trying again', { error: toFailure(thrown).message });
    }
    await systemClock.sleep(WATCH_AGAIN_MS, signal);
  }
}

function createLog(bound: LogFields): Log {
  const say =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      // Here already: to receive without end would be too much for the agent.
      if (output.waitMs > 0) return;
      const said = { message: bounded(String(message)), fields: toPlain({ ...bound, ...fields }) };
      for (let left = lengthOf(said); left > 0; left -= LINE_LENGTH) output.tryBegin();
      send({ kind: 'log', level, ...said });
    };
  const child = (fields: LogFields): Log => createLog({ ...bound, ...fields });
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error'), child };
}

function lengthOf({ message, fields }: Pick<Extract<FromPlugIn, { kind: 'log' }>, 'message' | 'fields'>): number {
  return Object.entries(fields).reduce(
    (sum, [name, value]) => sum + name.length + `${value}`.length,
    message.length + 1,
  );
}

function print(text: unknown, ...rest: unknown[]): boolean {
  log.info('the CA module printed', { text: bounded(String(text)).trimEnd() });
  const done = rest.at(-1);
  if (typeof done === 'function') done();
  return true;
}

/** Fields as they can go to another thread. */
function toPlain(fields: LogFields): Readonly<Record<string, PlainValue>> {
  const few = Object.entries(fields).slice(0, MOST_FIELDS);
  return Object.fromEntries(few.map(([name, value]) => [bounded(name), toPlainValue(value)]));
}

function toPlainValue(value: unknown): PlainValue {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'string') return bounded(value);
  return value instanceof Error ? toFailure(value).message : bounded(inspect(value, { depth: 2 }));
}

function send(message: FromPlugIn): void {
  port.postMessage(message);
}
