import { AgentError, quoteUntrusted } from '../../core/agent-error.ts';
import { Redacted } from '../../core/redacted.ts';
import { type Certificate, isSelfSigned, isSignedBy, parseCertificate, sameBytes } from '../../keys/certificate.ts';
import { parsePrivateKey } from '../../keys/key-pair.ts';
import { parsePem, toPem } from '../../keys/pem.ts';
import type { Authority, Signer } from './authority.ts';
import { brokenState as broken, parseStateFields, type StateFields } from './state-fields.ts';

/** All that the embedded CA has to remember, and how far a replacement of its root has come (see `RootStage`). */
export type CaState =
  | { readonly stage: 'single'; readonly trustDomain: string; readonly signing: Authority }
  /** `next` is trusted already and does not sign yet. */
  | { readonly stage: 'staged'; readonly trustDomain: string; readonly signing: Authority; readonly next: Authority }
  /** `previousRoot` is still trusted and signs no more; its key is forgotten. */
  | {
      readonly stage: 'switched';
      readonly trustDomain: string;
      readonly signing: Authority;
      readonly previousRoot: Certificate;
    };

/** Grows when a program that knows only the older form would misread the newer one. */
const FORMAT = 1;

/** Writes the state as JSON with PEM inside. */
export function writeCaState(state: CaState): Redacted<string> {
  const { stage, trustDomain } = state;
  const fields = { format: FORMAT, trustDomain, stage, signing: writeAuthority(state.signing), ...writeOther(state) };
  return new Redacted(`${JSON.stringify(fields, undefined, 2)}\n`);
}

function writeOther(state: CaState): Record<string, unknown> {
  switch (state.stage) {
    case 'single':
      return {};
    case 'staged':
      return { next: writeAuthority(state.next) };
    case 'switched':
      return { previousRoot: toPem('CERTIFICATE', state.previousRoot.der) };
  }
}

function writeAuthority({ root, intermediate }: Authority): Record<string, unknown> {
  return { root: writeSigner(root), intermediate: writeSigner(intermediate) };
}

function writeSigner({ certificate, keyPair }: Signer): Record<string, string> {
  const key = keyPair.privateKeyPem('pkcs8').reveal().toString();
  return { certificate: toPem('CERTIFICATE', certificate.der), key };
}

/**
 * Reads the state and verifies that its parts belong together.
 *
 * @throws AgentError `ca-state-broken`, saying what is wrong, without the content
 */
export function parseCaState(text: Redacted<string>): CaState {
  const fields = parseStateFields(text, FORMAT);
  const trustDomain = fields.text('trustDomain');
  const signing = readAuthority(fields.object('signing'));
  const stage = fields.text('stage');
  switch (stage) {
    case 'single':
      return { stage, trustDomain, signing };
    case 'staged':
      return { stage, trustDomain, signing, next: readAuthority(fields.object('next')) };
    case 'switched':
      return { stage, trustDomain, signing, previousRoot: readCertificate(fields, 'previousRoot') };
    default:
      throw broken(`its stage is ${quoteUntrusted(stage)}`);
  }
}

function readAuthority(fields: StateFields): Authority {
  const root = readSigner(fields.object('root'));
  const intermediate = readSigner(fields.object('intermediate'));
  const whole = isSelfSigned(root.certificate) && isSignedBy(intermediate.certificate, root.certificate);
  if (!whole || !root.certificate.isCa || !intermediate.certificate.isCa) {
    throw broken(`in ${fields.name} the intermediate is not signed by the root`);
  }
  return { root, intermediate };
}

function readSigner(fields: StateFields): Signer {
  const certificate = readCertificate(fields, 'certificate');
  const keyPair = parsePrivateKey(new Redacted(fields.text('key')));
  if (!sameBytes(certificate.publicKeyDer, keyPair.publicKeyDer)) {
    throw broken(`in ${fields.name} the key does not belong to the certificate`);
  }
  return { certificate, keyPair };
}

function readCertificate(fields: StateFields, name: string): Certificate {
  try {
    const [der, ...more] = parsePem(fields.text(name), 'CERTIFICATE');
    if (der !== undefined && more.length === 0) return parseCertificate(der);
  } catch (cause) {
    if (!(cause instanceof AgentError)) throw cause;
    throw new AgentError('ca-state-broken', `in ${fields.name} ${name} is broken: ${cause.message}`, { cause });
  }
  throw broken(`in ${fields.name} ${name} holds more than one certificate`);
}
