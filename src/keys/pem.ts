import { AgentError, quoteUntrusted } from '../core/agent-error.ts';

/** One PEM block (RFC 7468): lines of 64 characters, a newline at the end. */
export function toPem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** PEM blocks one after the other. */
export function toPemBundle(label: string, ders: readonly Uint8Array[]): string {
  return ders.map((der) => toPem(label, der)).join('');
}

const BLOCK = /-----BEGIN ([^\n-]*)-----([A-Za-z0-9+/=\s]*)-----END ([^\n-]*)-----/g;

/**
 * The contents of all blocks, at least one. Text around the blocks is allowed, as RFC 7468 has it; a block that
 * is damaged, cut off or of another kind is not.
 *
 * @throws AgentError `ca-answer-invalid`, saying what is wrong
 */
export function parsePem(text: string, label: string): Uint8Array[] {
  const ders: Uint8Array[] = [];
  const between = text.replace(BLOCK, (_block, begin: string, body: string, end: string) => {
    ders.push(parseBlock(begin, body, end, label));
    return '';
  });
  if (between.includes('-----')) throw invalid(label, 'a block is cut off or damaged');
  if (ders.length === 0) throw invalid(label, 'there is no block');
  return ders;
}

function parseBlock(begin: string, body: string, end: string, label: string): Uint8Array {
  if (begin !== end) throw invalid(label, `a block begins as ${quoteLabel(begin)} and ends as ${quoteLabel(end)}`);
  if (begin !== label) throw invalid(label, `there is a block of ${quoteLabel(begin)}`);
  const base64 = body.replace(/\s+/g, '');
  const der = Buffer.from(base64, 'base64');
  // Node passes over what is not base64; writing it again shows whether there was any.
  if (der.length === 0 || der.toString('base64') !== base64) throw invalid(label, 'a block is empty or not base64');
  return der;
}

/** As labels are (RFC 7468, 3): whoever wrote another one may have put anything there, a secret too. */
const LABEL = /^[A-Z]+(?: [A-Z]+){0,3}$/;

function quoteLabel(label: string): string {
  return LABEL.test(label) ? quoteUntrusted(label) : `${label.length} characters that are no label`;
}

function invalid(label: string, fault: string): AgentError {
  return new AgentError('ca-answer-invalid', `not PEM of ${quoteUntrusted(label)}: ${fault}`);
}
