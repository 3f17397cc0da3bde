/** Shorter pieces say nothing: `eyJhbGciOiJ` begins every token. */
const SHORTEST_PIECE = 12;
const LONGEST_TEXT = 500;

/** The beginning of a text that somebody else wrote, without any piece of the secrets that it may repeat. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const cut = text.slice(0, LONGEST_TEXT);
  let shown = '';
  for (let at = 0; at < cut.length; ) {
    const length = Math.max(...secrets.map((secret) => repeatedLength(cut, at, secret)), 0);
    shown += length === 0 ? cut.charAt(at) : '[redacted]';
    at += Math.max(length, 1);
  }
  return shown;
}

/** How many characters from `at` on are in the secret as well; 0 when that says nothing. */
function repeatedLength(text: string, at: number, secret: string): number {
  let length = SHORTEST_PIECE;
  if (at + length > text.length || !secret.includes(text.slice(at, at + length))) return 0;
  while (at + length < text.length && secret.includes(text.slice(at, at + length + 1))) length++;
  return length;
}
