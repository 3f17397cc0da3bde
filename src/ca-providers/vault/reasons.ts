import { quoteUntrusted } from '../../core/agent-error.ts';
import type { Cleaner } from '../without-secrets.ts';
import { readField, readJson } from './read-json.ts';

/** Longer than any of Vault's. */
const LONGEST_WORDS = 2_000;

/** Why Vault does not do what it was asked for. */
export interface Reasons {
  /** In its own words, on one line; never shown, because they may repeat what was sent. Empty where it gives none. */
  readonly words: string;
  /** The same for a message: without secrets, quoted and cut. */
  readonly quoted: string;
}

/** The reasons in an answer (`{"errors": [...]}`); undefined where it is not of that form. */
export function readReasons(text: string, clean: Cleaner): Reasons | undefined {
  const errors = readField(readJson(text), 'errors');
  if (!Array.isArray(errors)) return undefined;
  const texts = errors.filter((error) => typeof error === 'string');
  // "1 error occurred:\n\t* permission denied\n\n" is how Go puts errors together.
  const words = texts.join('; ').slice(0, LONGEST_WORDS).replace(/\s+/g, ' ').trim();
  return { words, quoted: quoteUntrusted(clean(words)) };
}
