import { z } from 'zod';
import { parseBoolean } from './boolean.ts';
import { parseDuration, toDurationText } from './duration.ts';

/** A kind of value: how its text is read, and what an operator is told about what is allowed. */
export interface ValueKind<T> {
  readonly schema: z.ZodType<T, string>;
  /** Completes the sentence "allowed is …". */
  readonly allowed: string;
  /** A flag of this kind may stand alone, for `true`. */
  readonly boolean?: true;
}

/** A kind from a function that gives undefined for text that is not allowed. */
export function kindOf<T>(allowed: string, parse: (text: string) => T | undefined): ValueKind<T> {
  const schema = z.string().transform((text, context) => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: allowed });
    return z.NEVER;
  });
  return { schema, allowed };
}

/** Lets the empty text stand for "none". */
export function orEmpty<T>(kind: ValueKind<T>, meaning = 'none'): ValueKind<T | undefined> {
  const none = z.literal('').transform(() => undefined);
  return { schema: z.union([none, kind.schema]), allowed: `${kind.allowed}; empty: ${meaning}` };
}

/** Text that is not empty, without white space around it. */
export function text(allowed: string): ValueKind<string> {
  return kindOf(allowed, (given) => (given !== '' && given.trim() === given ? given : undefined));
}

export const boolean: ValueKind<boolean> = { ...kindOf('`true` or `false`', parseBoolean), boolean: true };

/** A duration in milliseconds, rounded to whole ones. */
export function duration(leastMs: number, mostMs: number): ValueKind<number> {
  const allowed = `a duration from ${toDurationText(leastMs)} to ${toDurationText(mostMs)}, such as \`90s\` or \`1h30m\``;
  return kindOf(allowed, (given) => within(Math.round(parseDuration(given) ?? Number.NaN), leastMs, mostMs));
}

export function wholeNumber(least: number, most: number): ValueKind<number> {
  return kindOf(`a whole number from ${least} to ${most}`, (given) =>
    within(/^\d{1,15}$/.test(given) ? Number(given) : Number.NaN, least, most),
  );
}

/** A number between 0 and 1, for example `0.5`. */
export function share(border: 'exclusive' | 'from zero'): ValueKind<number> {
  const allowed = border === 'exclusive' ? 'a number above 0 and below 1' : 'a number from 0 to below 1';
  return kindOf(allowed, (given) => {
    const number = /^(\d+\.?\d*|\.\d+)$/.test(given) ? Number(given) : undefined;
    if (number === undefined || number >= 1) return undefined;
    return border === 'exclusive' && number === 0 ? undefined : number;
  });
}

export function oneOf<const T extends string>(...choices: readonly T[]): ValueKind<T> {
  return kindOf(choices.map((choice) => `\`${choice}\``).join(' or '), (given) =>
    choices.find((choice) => choice === given),
  );
}

/** Texts separated by commas: at least one, none empty, each once, white space around them dropped. */
export function listOf<T>(kind: ValueKind<T>): ValueKind<readonly T[]> {
  return kindOf(`a comma-separated list, each ${kind.allowed}`, (given) => {
    const texts = given.split(',').map((part) => part.trim());
    if (new Set(texts).size < texts.length) return undefined;
    const values: T[] = [];
    for (const part of texts) {
      const result = kind.schema.safeParse(part);
      if (!result.success) return undefined;
      values.push(result.data);
    }
    return values;
  });
}

function within(value: number, least: number, most: number): number | undefined {
  return value >= least && value <= most ? value : undefined;
}
