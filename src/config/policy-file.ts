import { z } from 'zod';
import { AgentError, quoteUntrusted } from '../core/agent-error.ts';
import type { IdentityPolicy } from '../core/identity-policy.ts';
import { parseDuration } from './duration.ts';

const SHORTEST_TTL_MS = 60_000;

const patterns = z
  .array(z.string().regex(/^[A-Za-z0-9._*-]+$/, 'has to be a name, in which * stands for any characters'))
  .min(1)
  .default(['*'])
  .describe('One has to fit; * stands for any characters. Left out: all.');

const keySpec = z.discriminatedUnion('algorithm', [
  z.strictObject({ algorithm: z.literal('ECDSA'), curve: z.enum(['P256', 'P384']).default('P256') }),
  z.strictObject({ algorithm: z.literal('RSA'), bits: z.int().min(2048).max(8192).multipleOf(256).default(2048) }),
]);

const maxTtl = z
  .string()
  .regex(/^(\d+(\.\d+)?(ms|s|m|h))+$/, 'has to be a duration such as 90s or 1h30m')
  .refine((text) => (parseDuration(text) ?? 0) >= SHORTEST_TTL_MS, 'has to be at least 1m')
  .describe('No certificate is asked for that lives longer, such as 1h30m; at least 1m.');

const rule = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(100)
      .regex(/^[\x20-\x7e]+$/, 'has to be plain text')
      .describe('What a refusal calls the rule.'),
    effect: z.enum(['allow', 'deny']),
    namespaces: patterns,
    serviceAccounts: patterns,
    maxTtl: maxTtl.optional(),
    key: keySpec.optional().describe('The kind of key that is made. Left out: what the settings say.'),
  })
  .refine(({ effect, maxTtl, key }) => effect === 'allow' || (maxTtl === undefined && key === undefined), {
    message: 'denies, so it can have neither maxTtl nor key',
  });

const policyFile = z.strictObject({
  $schema: z.string().optional(),
  rules: z
    .array(rule)
    .min(1)
    .max(1000)
    .describe('The first rule that applies decides; where none does, nobody is served.'),
});

/**
 * Reads the text of a `POLICY_FILE`, which is JSON.
 *
 * @throws AgentError `settings-invalid`, with all faults in its message
 */
export function parsePolicy(text: string): IdentityPolicy {
  const result = policyFile.safeParse(parseJson(text));
  const faults = result.error?.issues.map(toFault) ?? [];
  const names = result.data?.rules.map(({ name }) => name) ?? [];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) faults.push(`two rules are called ${quoteUntrusted(twice)}`);
  if (faults.length > 0 || result.data === undefined) throw new AgentError('settings-invalid', faults.join('; '));
  return { rules: result.data.rules.map(toRule) };
}

/** The JSON schema of the file, for editors (draft 2020-12). */
export function policySchema(): object {
  return z.toJSONSchema(policyFile, { io: 'input' });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AgentError('settings-invalid', 'it is not JSON', { cause });
  }
}

function toRule({ name, effect, namespaces, serviceAccounts, maxTtl, key }: z.output<typeof rule>) {
  const maxTtlMs = maxTtl === undefined ? undefined : parseDuration(maxTtl);
  return {
    ...{ name, effect, namespaces, serviceAccounts },
    ...(maxTtlMs !== undefined && { maxTtlMs }),
    ...(key && { key: toKeySpec(key) }),
  };
}

function toKeySpec(key: z.output<typeof keySpec>) {
  return key.algorithm === 'RSA'
    ? ({ algorithm: 'rsa', bits: key.bits } as const)
    : ({ algorithm: 'ecdsa', curve: key.curve } as const);
}

/** Where it is, as JavaScript would write it, and what is wrong with it. */
function toFault({ path, message }: z.core.$ZodIssue): string {
  const place = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
  return `${place === '' ? 'the file' : place.replace(/^\./, '')}: ${quoteUntrusted(message).slice(1, -1)}`;
}
