import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AgentError } from '../../src/core/agent-error.ts';
import { tokenOf } from '../../src/identity/credentials.ts';
import { assertUntold } from '../contracts/token-verifier.ts';

const BIN = 'istio_sds_credentials_header-bin';
const MISSPELT = 'istio_sds_credentail_header-bin';
const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ3ZWIifQ.c2lnbmF0dXJl_-';
const OTHER = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJjYXJ0In0.b3RoZXI';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const unpadded = (text: string): string => base64(text).replace(/=+$/, '');
const base64url = (text: string): string => Buffer.from(text).toString('base64url');

type Headers = Readonly<Record<string, readonly string[]>>;

function metadata(headers: Headers) {
  return { getAll: (name: string): readonly string[] => headers[name] ?? [] };
}

const ACCEPTED: readonly (readonly [what: string, headers: Headers])[] = [
  ['as it is', { authorization: [TOKEN] }],
  ['with Bearer before it', { authorization: [`Bearer ${TOKEN}`] }],
  ['with bearer in any case and much space', { authorization: [`bEaReR \t ${TOKEN}`] }],
  ['with white space around it, as files have it', { authorization: [` \t${TOKEN}\r\n`] }],
  ['in Istio’s header, as gRPC sends it', { [BIN]: [base64(TOKEN)] }],
  ['in Istio’s header, without padding', { [BIN]: [unpadded(TOKEN)] }],
  ['in Istio’s header, in base64url', { [BIN]: [base64url(`Bearer ${TOKEN}\n`)] }],
  ['in Istio 1.1’s header, with Bearer and a line break', { [MISSPELT]: [base64(`Bearer ${TOKEN}\n`)] }],
  ['in Istio’s header as it is, from a REST client', { [BIN]: [TOKEN] }],
  ['in Istio’s header as it is, with Bearer', { [BIN]: [`Bearer ${TOKEN}`] }],
  ['several times', { authorization: [TOKEN, `Bearer ${TOKEN}`], [BIN]: [base64(TOKEN)], [MISSPELT]: [base64(TOKEN)] }],
  ['several times in one value', { authorization: [`${TOKEN}, Bearer ${TOKEN}`], [BIN]: [`${base64(TOKEN)},`] }],
  ['beside empty headers', { authorization: ['', ' ', 'Bearer'], [BIN]: [base64(TOKEN), ''] }],
];

for (const [what, headers] of ACCEPTED) {
  test(`a token is found ${what}`, () => {
    assert.equal(tokenOf(metadata(headers)).reveal(), TOKEN);
  });
}

const REFUSED: readonly (readonly [what: string, code: string, headers: Headers])[] = [
  ['no header', 'token-missing', {}],
  ['an empty header', 'token-missing', { authorization: [''] }],
  ['a scheme alone', 'token-missing', { authorization: ['Bearer '], [BIN]: [base64('Bearer')] }],
  ['a token in a header of another name', 'token-missing', { 'x-authorization': [TOKEN], cookie: [TOKEN] }],
  ['two tokens in one header', 'token-ambiguous', { authorization: [TOKEN, OTHER] }],
  ['two tokens in one value', 'token-ambiguous', { authorization: [`${TOKEN},${OTHER}`] }],
  ['two tokens in two headers', 'token-ambiguous', { authorization: [TOKEN], [BIN]: [base64(OTHER)] }],
  ['a token and garbage', 'token-ambiguous', { authorization: [TOKEN], [MISSPELT]: [base64('garbage')] }],
  ['another scheme', 'token-malformed', { authorization: ['Basic dXNlcjpwYXNzd29yZA=='] }],
  ['two parts', 'token-malformed', { authorization: ['eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ3ZWIifQ'] }],
  ['five parts, an encrypted token', 'token-malformed', { authorization: ['aaaa.bbbb.cccc.dddd.eeee'] }],
  ['a space inside', 'token-malformed', { authorization: [TOKEN.replace('.', ' .')] }],
  ['base64 that is no base64url', 'token-malformed', { authorization: ['aa+a.bb/b.cc=='] }],
  ['a -bin value that is no base64', 'token-malformed', { [BIN]: ['%%%%'] }],
  ['bytes that are no text', 'token-malformed', { [BIN]: [Buffer.from([0xff, 0xfe, 0, 1]).toString('base64')] }],
  ['more than 16 KB', 'token-malformed', { authorization: [`aaaa.${'b'.repeat(17_000)}.cccc`] }],
];

for (const [what, code, headers] of REFUSED) {
  test(`${what} is ${code}, and the error does not repeat it`, () => {
    const thrown = errorFrom(headers);
    assert.equal(thrown.code, code);
    for (const value of Object.values(headers).flat()) assertUntold(thrown, value);
  });
}

test('a token of 16 KB is taken', () => {
  const token = `aaaa.${'b'.repeat(16 * 1024 - 10)}.cccc`;
  assert.equal(tokenOf(metadata({ authorization: [token] })).reveal(), token);
});

describe('whatever is sent', () => {
  const value = fc.oneof(
    fc.string({ minLength: 8 }),
    fc.string({ minLength: 8 }).map(base64),
    fc.constantFrom(TOKEN, OTHER, base64(TOKEN), `Bearer ${OTHER}`),
  );
  const headers = fc.dictionary(fc.constantFrom('authorization', BIN, MISSPELT), fc.array(value, { maxLength: 3 }));

  test('there is one well-formed token, or an error of the token family', () => {
    fc.assert(
      fc.property(headers, (sent) => {
        try {
          assert.match(tokenOf(metadata(sent)).reveal(), /^[\w-]+\.[\w-]+\.[\w-]*$/);
        } catch (thrown) {
          assert.ok(thrown instanceof AgentError, String(thrown));
          assert.match(thrown.code, /^token-/);
          for (const text of [TOKEN, OTHER]) assertUntold(thrown, text);
        }
      }),
    );
  });
});

function errorFrom(headers: Headers): AgentError {
  try {
    tokenOf(metadata(headers));
  } catch (thrown) {
    assert.ok(thrown instanceof AgentError);
    return thrown;
  }
  return assert.fail('nothing was thrown');
}
