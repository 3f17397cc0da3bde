import { parseArgs } from 'node:util';
import { quoteUntrusted } from '../core/agent-error.ts';
import { parseBoolean } from './boolean.ts';
import { nearestName } from './nearest-name.ts';

/**
 * A `text` flag takes a value, `--flag=value` or `--flag value`, a `list` one too, and may come several times; a
 * `boolean` one may have a value after `=`.
 */
export type FlagKind = 'text' | 'list' | 'boolean';

/** What is no flag. */
export interface Operand {
  readonly text: string;
  /** The boolean flag right before it, whose value it may have been meant to be. */
  readonly behind?: string;
}

/** What a command line says, and every fault in it. */
export interface FlagsRead {
  /**
   * The last value of each flag, by name without dashes; `true` for a boolean flag that stands alone; all values of a
   * list flag with commas between.
   */
  readonly given: ReadonlyMap<string, string>;
  /** What is no flag, in order. */
  readonly operands: readonly Operand[];
  /** One line each. */
  readonly faults: readonly string[];
}

/** Reads a command line against the flags that there are. Never throws, so that faults can be told together. */
export function readFlags(argv: readonly string[], kinds: ReadonlyMap<string, FlagKind>): FlagsRead {
  const given = new Map<string, string>();
  const operands: Operand[] = [];
  const faults: string[] = [];
  let strayValueAt = -1;
  let lone: { readonly flag: string; readonly at: number } | undefined;
  for (const token of tokensOf(argv, kinds)) {
    if (token.kind === 'positional') {
      const behind = lone !== undefined && token.index === lone.at + 1 && { behind: lone.flag };
      if (token.index !== strayValueAt) operands.push({ text: token.value, ...behind });
      continue;
    }
    if (token.kind !== 'option') continue;
    const kind = token.rawName.startsWith('--') ? kinds.get(token.name) : undefined;
    if (kind === undefined) {
      faults.push(unknownFlag(token.rawName, kinds));
      // What follows was meant as its value: one fault is enough.
      strayValueAt = token.index + 1;
    } else if (kind === 'boolean') {
      given.set(token.name, token.value ?? 'true');
      if (token.value === undefined) lone = { flag: token.name, at: token.index };
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('-'))) {
      faults.push(`--${token.name} needs a value; one that begins with a dash is written --${token.name}=VALUE`);
    } else {
      const before = kind === 'list' ? given.get(token.name) : undefined;
      given.set(token.name, before === undefined ? token.value : `${before},${token.value}`);
    }
  }
  return { given, operands, faults };
}

/** The fault of an operand that nothing takes. */
export function unexpectedOperand({ text, behind }: Operand): string {
  const fault = `unexpected argument ${quoteUntrusted(text)}`;
  if (behind === undefined || parseBoolean(text) === undefined) return fault;
  return `${fault}: the value of --${behind} is written --${behind}=${text}`;
}

function tokensOf(argv: readonly string[], kinds: ReadonlyMap<string, FlagKind>) {
  const options = Object.fromEntries(
    Array.from(kinds, ([name, kind]) => [name, { type: kind === 'boolean' ? kind : ('string' as const) }]),
  );
  return parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

function unknownFlag(rawName: string, kinds: ReadonlyMap<string, FlagKind>): string {
  const meant = nearestName(rawName.replace(/^-+/, ''), kinds.keys());
  return `unknown flag ${quoteUntrusted(rawName)}${meant === undefined ? '' : `: did you mean --${meant}?`}`;
}
