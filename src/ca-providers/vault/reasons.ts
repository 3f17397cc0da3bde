import { quoteUntrusted } from '../../core/agent-error.ts';
import type { Redacted } from '../../core/redacted.ts';
import { readField, readJson } from './read-json.ts';

/** What so many characters in a row have in common with a secret is not there by chance. */
const TELLTALE = 16;
/** Longer than any of Vault's. */
const LONGEST_WORDS = 2_000;
/** More than is ever quoted. */
const LOOKED_AT = 100;

/** Why Vault does not do what it was asked for. */
export interface Reasons {
  /** In its own words, on one line; never shown, because they may repeat what was sent. Empty where it gives none. */
  readonly words: string;
  /** The same for a message, quoted and cut; `"…"` where it repeats a part of a secret. */
  readonly quoted: string;
}

/** The reasons in an answer (`{"errors": [...]}`); undefined where it is not of that form. */
export function readReasons(text: string, secrets: readonly Redacted<string>[]): Reasons | undefined {
  const errors = readField(readJson(text), 'errors');
  if (!Array.isArray(errors)) return undefined;
  const texts = errors.filter((error) => typeof error === 'string');
  // "1 error occurred:\n\t* permission denied\n\n" is how Go puts errors together.
  const words = texts.join('; ').slice(0, LONGEST_WORDS).replace(/\s+/g, ' ').trim();
  const shown = words.slice(0, LOOKED_AT);
  return { words, quoted: secrets.some((secret) => repeats(shown, secret)) ? '"…"' : quoteUntrusted(shown) };
}

function repeats(line: string, secret: Redacted<string>): boolean {
  const whole = secret.reveal();
  for (let start = 0; start + TELLTALE <= line.length; start++) {
    if (whole.includes(line.slice(start, start + TELLTALE))) return true;
  }
  return false;
}
