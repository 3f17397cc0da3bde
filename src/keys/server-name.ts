import { isIP } from 'node:net';
import type { SubjectAltName } from './subject-alt-name.ts';

// RFC 1123, 2.1, with the underscores that some networks have.
const DNS_NAME = /^(?=.{1,253}$)[a-z\d_]([a-z\d_-]{0,61}[a-z\d_])?(\.[a-z\d_]([a-z\d_-]{0,61}[a-z\d_])?)*$/i;
const IPV6_GROUPS = 8;

/** A server's DNS name or IP address as a name in its certificate; undefined when the text is neither. */
export function parseServerName(text: string): SubjectAltName | undefined {
  switch (isIP(text)) {
    case 4:
      return { kind: 'ip', value: text };
    case 6:
      return text.includes('%') ? undefined : { kind: 'ip', value: ipv6Hex(text) };
    default:
      // RFC 5280, 7.2 compares without regard to case; what nearly is an address must not become a name.
      return DNS_NAME.test(text) && !/^[\d.]+$/.test(text) ? { kind: 'dns', value: text.toLowerCase() } : undefined;
  }
}

/** The name as people write it. */
export function formatServerName({ kind, value }: SubjectAltName): string {
  const groups = kind === 'ip' && value.length === IPV6_GROUPS * 4 ? value.match(/.{4}/g) : null;
  return groups === null ? value : new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

function ipv6Hex(address: string): string {
  // URLs have one spelling for an address: hex groups in lower case, the longest run of zeros as `::`.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const zeros = Array.from({ length: IPV6_GROUPS - before.length - after.length }, () => '0000');
  return [...before, ...zeros, ...after].join('');
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':').map((group) => group.padStart(4, '0'));
}
