import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { decodeAnswer, encodeRequest } from '../../../src/ca-providers/citadel/wire.ts';
import { IstioCertificateRequest, IstioCertificateResponse } from '../../../src/gen/istio/ca.ts';
import { toPem } from '../../../src/keys/pem.ts';
import { FakeClock, hours } from '../../fakes/fake-clock.ts';
import { MemoryCa } from '../../fakes/memory-ca.ts';
import { newRequest } from './citadel-world.ts';

const clock = new FakeClock();
const { signal } = new AbortController();
type Name = 'leaf' | 'intermediate' | 'root' | 'otherRoot' | 'strangeIntermediate';
let pems: Readonly<Record<Name, string>>;
const names = new Map<string, string>();

before(async () => {
  const ca = await MemoryCa.create(clock);
  const other = await MemoryCa.create(clock);
  const [leaf, intermediate] = await ca.sign(await newRequest(), signal);
  const [, strangeIntermediate] = await other.sign(await newRequest(), signal);
  const ders = { leaf, intermediate, root: ca.rootDer, otherRoot: other.rootDer, strangeIntermediate };
  for (const [name, der] of Object.entries(ders)) names.set(Buffer.from(der ?? []).toString('hex'), name);
  const pem = (der: Uint8Array | undefined): string => toPem('CERTIFICATE', der ?? new Uint8Array());
  pems = {
    leaf: pem(leaf),
    intermediate: pem(intermediate),
    root: pem(ca.rootDer),
    otherRoot: pem(other.rootDer),
    strangeIntermediate: pem(strangeIntermediate),
  };
});

function decode(certChain: readonly string[]) {
  const { chain, roots, notAfterMs } = decodeAnswer(
    IstioCertificateResponse.encode({ certChain: [...certChain] }).finish(),
  );
  const nameOf = (der: Uint8Array): string | undefined => names.get(Buffer.from(der).toString('hex'));
  return { chain: chain.map(nameOf), roots: roots.map(nameOf), notAfterMs };
}

/** Elements of an answer: the names of the certificates in each. */
const ANSWERS: readonly { readonly elements: string; readonly chain: string; readonly roots: string }[] = [
  { elements: 'leaf | intermediate | root', chain: 'leaf intermediate', roots: 'root' },
  { elements: 'leaf | root', chain: 'leaf', roots: 'root' },
  { elements: 'leaf intermediate | root', chain: 'leaf intermediate', roots: 'root' },
  { elements: 'leaf | intermediate root', chain: 'leaf intermediate', roots: 'root' },
  { elements: 'leaf | intermediate | root otherRoot', chain: 'leaf intermediate', roots: 'root otherRoot' },
  { elements: 'leaf | intermediate | otherRoot root', chain: 'leaf intermediate', roots: 'otherRoot root' },
  { elements: 'leaf | intermediate root | root', chain: 'leaf intermediate', roots: 'root' },
  { elements: 'leaf | intermediate', chain: 'leaf', roots: 'intermediate' },
  { elements: 'leaf | strangeIntermediate root', chain: 'leaf', roots: 'strangeIntermediate root' },
];

describe('an answer', () => {
  for (const { elements, chain, roots } of ANSWERS) {
    test(`of ${elements} has the chain ${chain} and the roots ${roots}`, () => {
      const pemOf = (name: string): string => pems[name as Name];
      const given = elements.split(' | ').map((element) => element.split(' ').map(pemOf).join(''));
      const decoded = decode(given);
      assert.deepEqual(decoded.chain, chain.split(' '));
      assert.deepEqual(decoded.roots, roots.split(' '));
      assert.equal(decoded.notAfterMs, clock.now() + hours(1));
    });
  }

  test('may have text around the certificates', () => {
    assert.deepEqual(decode([`# leaf\n${pems.leaf}`, `\n${pems.root}\n\n`]).roots, ['root']);
  });

  const WRONG: readonly {
    readonly what: string;
    readonly elements: () => readonly string[];
    readonly message: RegExp;
  }[] = [
    { what: 'no element', elements: () => [], message: /no certificate/ },
    { what: 'a single element', elements: () => [pems.leaf], message: /no root.*single element/ },
    { what: 'everything in a single element', elements: () => [pems.leaf + pems.root], message: /no root/ },
    { what: 'elements that are empty', elements: () => ['', ''], message: /no block/ },
    { what: 'no PEM', elements: () => ['x', 'y'], message: /PEM/ },
    { what: 'half a root', elements: () => [pems.leaf, pems.root.slice(0, 200)], message: /cut off/ },
    {
      what: 'a root that is no certificate',
      elements: () => [pems.leaf, toPem('CERTIFICATE', Buffer.from('x'))],
      message: /not a certificate/,
    },
    {
      what: 'a leaf that is no certificate',
      elements: () => [toPem('CERTIFICATE', Buffer.from('x')), pems.root],
      message: /not a certificate/,
    },
    {
      what: 'a private key',
      elements: () => [toPem('PRIVATE KEY', Buffer.from('x')), pems.root],
      message: /PRIVATE KEY/,
    },
    { what: 'a flood of certificates', elements: () => [pems.leaf.repeat(60), pems.root], message: /61 certificates/ },
  ];
  for (const { what, elements, message } of WRONG) {
    test(`with ${what} is refused`, () => {
      assert.throws(() => decode(elements()), { code: 'ca-answer-invalid', message });
    });
  }

  test('that is not of this API is refused', () => {
    assert.throws(() => decodeAnswer(Buffer.from('\x0a\xff', 'latin1')), {
      code: 'ca-answer-invalid',
      message: /Istio/,
    });
  });
});

describe('a request', () => {
  for (const [ttlMs, seconds] of [
    [hours(24), 86_400],
    [1_999, 1],
    [10, 1],
  ] as const) {
    test(`for ${ttlMs} ms asks for ${seconds} s`, () => {
      const { csr, validityDuration } = IstioCertificateRequest.decode(encodeRequest('pem', ttlMs));
      assert.deepEqual({ csr, validityDuration }, { csr: 'pem', validityDuration: seconds });
    });
  }
});
