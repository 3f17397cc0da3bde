import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import { type IdentityJudge, type IdentityPolicy, judgeIdentity, type Verdict } from '../core/identity-policy.ts';
import type { Log } from '../core/log.ts';
import type { PolicyMeter } from '../core/meters.ts';
import type { SpiffeId } from '../core/spiffe-id.ts';
import type { PolicyStatus } from '../core/status-report.ts';
import { watchFiles } from '../runtime/watch-files.ts';

/** So long after a change it is looked: whoever writes a file in two steps is done then. */
const SETTLE_MS = 200;
/** It is looked this often whether the kernel tells of a change or not. */
const POLL_MS = 10_000;

export interface PolicyKeeperOptions {
  readonly path: string;
  /** Throws an `AgentError` for a text that is no policy. */
  readonly parse: (text: string) => IdentityPolicy;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: PolicyMeter;
}

/** The policy of a file, as it is now. A new file that is broken changes nothing, and is told of until it is mended. */
export class PolicyKeeper implements IdentityJudge {
  readonly #options: PolicyKeeperOptions;
  #policy: IdentityPolicy;
  #loadedAtMs: number;
  /** What was read last, good or not: the same is not told twice. Undefined: nothing could be read. */
  #text: string | undefined;
  #fault: PolicyStatus['lastError'];

  private constructor(options: PolicyKeeperOptions, text: string, policy: IdentityPolicy) {
    this.#options = options;
    this.#text = text;
    this.#policy = policy;
    this.#loadedAtMs = options.clock.now();
  }

  /** Rejects with an `AgentError` `settings-invalid` that names the file, where there is none or it is broken. */
  static async load(options: PolicyKeeperOptions): Promise<PolicyKeeper> {
    const text = await read(options.path);
    const keeper = new PolicyKeeper(options, text, toPolicy(options, text));
    keeper.#tell();
    return keeper;
  }

  judge(id: SpiffeId): Verdict {
    return judgeIdentity(this.#policy, id);
  }

  status(): PolicyStatus {
    const { path } = this.#options;
    const { rules } = this.#policy;
    const lastError = this.#fault;
    return { file: path, rules: rules.length, loadedAtMs: this.#loadedAtMs, ...(lastError && { lastError }) };
  }

  /**
   * Looks after the file until the signal aborts.
   *
   * @param onChange is called when another policy holds; must not throw
   */
  async run(onChange: () => void, signal: AbortSignal): Promise<void> {
    const { path, clock } = this.#options;
    const options = { paths: [resolve(path)], clock, settleMs: SETTLE_MS, pollMs: POLL_MS };
    await watchFiles(options, () => this.#look(onChange), signal);
  }

  async #look(onChange: () => void): Promise<void> {
    try {
      const text = await this.#read();
      if (text === this.#text) return;
      this.#text = text;
      this.#policy = toPolicy(this.#options, text);
      this.#loadedAtMs = this.#options.clock.now();
      this.#fault = undefined;
      this.#tell();
    } catch (thrown) {
      this.#keepOld(toAgentError(thrown));
      return;
    }
    onChange();
  }

  async #read(): Promise<string> {
    try {
      return await read(this.#options.path);
    } catch (thrown) {
      // Also the same text as before is then news.
      this.#text = undefined;
      throw thrown;
    }
  }

  #tell(): void {
    const { path, log, meter } = this.#options;
    meter.policyRead('loaded');
    log.info('the policy holds', { file: path, rules: this.#policy.rules.length });
  }

  #keepOld(error: AgentError): void {
    const { clock, log, meter } = this.#options;
    const { code, message } = error;
    // A file that cannot be read is looked at again and again.
    if (message === this.#fault?.message) return;
    meter.policyRead('refused');
    this.#fault = { code, message, atMs: clock.now() };
    log.error('the policy could not be replaced: the old one still holds', { error });
  }
}

/** Reads a policy. Rejects with an `AgentError` `settings-invalid` that names the file and all faults. */
export async function readPolicy(path: string, parse: PolicyKeeperOptions['parse']): Promise<IdentityPolicy> {
  return toPolicy({ path, parse }, await read(path));
}

function toPolicy({ path, parse }: Pick<PolicyKeeperOptions, 'path' | 'parse'>, text: string): IdentityPolicy {
  try {
    return parse(text);
  } catch (thrown) {
    const { code, message } = toAgentError(thrown);
    throw new AgentError(code, `POLICY_FILE ${path}: ${message}`, { cause: thrown });
  }
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown error';
    throw new AgentError('settings-invalid', `POLICY_FILE cannot be read: ${reason}`, { cause });
  }
}
