import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { formatStatus } from '../../src/cli/status-table.ts';
import { CART, SAMPLE_STATUS, WEB } from '../telemetry/sample-agent.ts';

const PLAIN = { colour: false, columns: undefined };
const ESCAPED_EVIL = String.raw`<script>alert(1)</script>\u000a\u001b[2J\u009b31m\u202egnp.exe`;

test('columns stand under their titles, times are told from now', () => {
  const text = formatStatus(SAMPLE_STATUS, PLAIN);
  assert.equal(
    text,
    `sds-node-agent 1.2.3, cluster.local, up 3h, 2 connections, 4 streams, ready
  identities that could not be renewed: 1 expired

identities:
IDENTITY                                STATE  SERIAL            AGE  EXPIRES         NEXT RENEWAL  STREAMS  LAST ERROR
spiffe://cluster.local/ns/shop/sa/web   ready  4f2a91c07be1d3a5  11m  in 24h          in 12h              3
spiffe://cluster.local/ns/shop/sa/cart  stale  0b                24h  expired 3m ago  now                 1  ca-unavailable: the CA said ${ESCAPED_EVIL} (5m ago)

trust bundles:
TRUST DOMAIN   ROOTS  EXPIRES  STREAMS  VERSION
cluster.local      2  in 365d        4  abcdef

secrets passed on:
NAME${' '.repeat(ESCAPED_EVIL.length + 36)}  STATE   SERIAL  AGE  EXPIRES  STREAMS  LAST ERROR
file-cert:/etc/certs/${ESCAPED_EVIL}~/etc/certs/tls.key  gone    7c01    2h   in 2d          2  secret-gone: ${ESCAPED_EVIL} is not there (60s ago)
file-root:system${' '.repeat(ESCAPED_EVIL.length + 24)}  wanted  -       -    -              1

pending names:
NAME${' '.repeat(ESCAPED_EVIL.length - 4)}  STREAMS
${ESCAPED_EVIL}        1

certificate authority:
PROVIDER  HEALTH   LAST SUCCESS  LAST ERROR
Embedded  healthy  11m ago
`,
  );
});

test('names and messages can neither break a line nor drive the terminal, with colour or without', () => {
  for (const paper of [PLAIN, { colour: true, columns: 100 }]) {
    const text = stripVTControlCharacters(formatStatus(SAMPLE_STATUS, paper));
    assert.doesNotMatch(text, /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u);
  }
});

test('on a narrow terminal errors go below, then the less telling columns go, then names are cut at the front', () => {
  for (const columns of [110, 90, 70, 50]) {
    const status = { ...SAMPLE_STATUS, foreign: [], pending: [] };
    const text = formatStatus(status, { colour: false, columns });
    const tables = text.split('\n').filter((line) => /IDENTITY|shop|TRUST|EXPIRES|PROVIDER/.test(line));
    for (const line of tables) assert.ok(line.length <= columns, `${columns}: ${line}`);
    assert.match(text, /^ {4}ca-unavailable: the CA said/m);
    assert.match(text, /STATE.*EXPIRES/);
    assert.match(text, /sa\/cart/);
  }
  assert.doesNotMatch(formatStatus(SAMPLE_STATUS, { colour: false, columns: 70 }), /SERIAL/);
});

test('an agent that has nothing yet says so', () => {
  const empty = {
    ...SAMPLE_STATUS,
    identities: [],
    bundles: [],
    foreign: [],
    pending: [],
    ca: [],
    unready: ['socket: not yet'],
  };
  const text = formatStatus(empty, PLAIN);
  assert.match(text, /, not ready\n {2}socket: not yet\n/);
  assert.match(text, /^identities: nobody has asked for a certificate yet$/m);
  assert.doesNotMatch(text, /passed on/);
});

test('states are coloured where colour is wanted, and columns stay aligned', () => {
  const paper = { colour: true, columns: 300 };
  const text = formatStatus(SAMPLE_STATUS, paper);
  assert.ok(text.includes('\u001b[32mready\u001b[0m'));
  assert.ok(text.includes('\u001b[31mstale\u001b[0m'));
  assert.equal(stripVTControlCharacters(text), formatStatus(SAMPLE_STATUS, PLAIN));
});

test('what is not known is a dash', () => {
  const identities = [{ spiffeId: WEB, podUid: '7f', state: 'wanted' as const, rotations: 0, streams: 1 }];
  const text = formatStatus({ ...SAMPLE_STATUS, identities }, PLAIN);
  assert.match(text, new RegExp(`^${WEB} pod 7f +wanted +- +- +- +- +1$`, 'm'));
  assert.ok(!text.includes(CART));
});
