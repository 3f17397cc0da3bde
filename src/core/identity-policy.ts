import { AgentError } from './agent-error.ts';
import type { KeySpec } from './key-spec.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** One rule of a policy: to whom it applies, and what becomes of them. */
export interface PolicyRule {
  /** What a refusal calls it. */
  readonly name: string;
  readonly effect: 'allow' | 'deny';
  /** Patterns; one has to fit. In a pattern `*` stands for any characters, also for none. */
  readonly namespaces: readonly string[];
  readonly serviceAccounts: readonly string[];
  /** No certificate lives longer; undefined: as long as the settings say. */
  readonly maxTtlMs?: number;
  /** What kind of key is made; undefined: what the settings say. */
  readonly key?: KeySpec;
}

/** Rules in the order of the file. The first one that applies decides; where none applies, nobody is served. */
export interface IdentityPolicy {
  readonly rules: readonly PolicyRule[];
}

/** What is issued to an identity that may be served. Undefined: what the settings say. */
export interface IssuanceTerms {
  readonly maxTtlMs?: number;
  readonly key?: KeySpec;
}

/** Whether an identity may be served, and if so, with what. The error is `identity-not-allowed` and names the rule. */
export type Verdict =
  | ({ readonly allowed: true } & IssuanceTerms)
  | { readonly allowed: false; readonly error: AgentError };

/**
 * Says which identities may be served. It may change its mind at any time; whoever serves them asks again then. It is
 * asked for each call, so it MUST be quick, and does no I/O.
 */
export interface IdentityJudge {
  judge(id: SpiffeId): Verdict;
}

/** Allows everybody, on the terms of the settings. */
export const EVERYBODY: IdentityJudge = { judge: () => ({ allowed: true }) };

/** Only IDs of service accounts have a namespace and an account to look at. */
const SERVICE_ACCOUNT = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/;

/** What a policy says of an identity. */
export function judgeIdentity({ rules }: IdentityPolicy, id: SpiffeId): Verdict {
  const [, namespace, serviceAccount] = SERVICE_ACCOUNT.exec(id) ?? [];
  if (namespace === undefined || serviceAccount === undefined) {
    return refused(id, 'the policy is for service accounts only');
  }
  const rule = rules.find((candidate) => applies(candidate, namespace, serviceAccount));
  if (rule === undefined) return refused(id, 'no rule of the policy applies to it');
  const { name, effect, maxTtlMs, key } = rule;
  if (effect === 'deny') return refused(id, `the policy's rule ${JSON.stringify(name)} denies it`);
  return { allowed: true, ...(maxTtlMs !== undefined && { maxTtlMs }), ...(key && { key }) };
}

function applies({ namespaces, serviceAccounts }: PolicyRule, namespace: string, serviceAccount: string): boolean {
  return (
    namespaces.some((pattern) => fits(pattern, namespace)) &&
    serviceAccounts.some((pattern) => fits(pattern, serviceAccount))
  );
}

/**
 * Whether a pattern stands for this text. Without going back, so that no pattern takes longer than its length times the
 * text's: each piece between two stars is looked for behind the one before, and the first place will do.
 */
export function fits(pattern: string, text: string): boolean {
  const [head = '', ...pieces] = pattern.split('*');
  const tail = pieces.pop();
  if (tail === undefined) return pattern === text;
  if (!text.startsWith(head)) return false;
  let at = head.length;
  for (const piece of pieces) {
    const found = text.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return text.length - tail.length >= at && text.endsWith(tail);
}

function refused(id: SpiffeId, why: string): Verdict {
  return { allowed: false, error: new AgentError('identity-not-allowed', `${id} is not served: ${why}`) };
}
