import { AgentError } from '../core/agent-error.ts';
import type { AllBundlesSecret, Secret, SecretRef } from '../core/secret.ts';
import {
  type CertificateValidationContext,
  Secret as SecretMessage,
  SpiffeCertValidatorConfig,
} from '../gen/xds/secret.ts';
import type { ApiVersion } from './resource-type.ts';

/** Envoy's SPIFFE validator (envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.proto). */
export const SPIFFE_VALIDATOR = {
  name: 'envoy.tls.cert_validator.spiffe',
  typeUrl: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig',
};

/**
 * Refuses what a version of the API cannot express safely: a v2 client drops the SPIFFE validator as an unknown
 * field, and what is left would accept any certificate.
 *
 * @throws AgentError `request-invalid`
 */
export function requireExpressible(ref: SecretRef, name: string, api: ApiVersion): void {
  if (ref.kind === 'all-bundles' && api === 'v2') {
    throw new AgentError('request-invalid', `${name} needs Envoy's SPIFFE validator, which API v2 lacks: ask with v3`);
  }
}

const encoded = new WeakMap<Secret, Map<string, Buffer>>();

/**
 * Envoy's Secret message under this name, as bytes. Each secret is encoded once a name, however many streams it
 * goes to; the bytes are forgotten with the secret. The caller has made sure that the version can express it
 * (`requireExpressible`); the message is then the same for both.
 */
export function encodeSecret(secret: Secret, name: string): Buffer {
  let byName = encoded.get(secret);
  if (byName === undefined) {
    byName = new Map();
    encoded.set(secret, byName);
  }
  let bytes = byName.get(name);
  if (bytes === undefined) {
    bytes = Buffer.from(SecretMessage.encode(toMessage(secret, name)).finish());
    byName.set(name, bytes);
  }
  return bytes;
}

function toMessage(secret: Secret, name: string): SecretMessage {
  switch (secret.kind) {
    case 'certificate':
    case 'file-certificate':
    case 'gateway-certificate':
      return {
        name,
        tlsCertificate: {
          certificateChain: { inlineBytes: secret.chainPem },
          privateKey: { inlineBytes: secret.privateKeyPem.reveal() },
        },
        validationContext: undefined,
      };
    case 'bundle':
    case 'file-bundle':
    case 'gateway-bundle':
      return {
        name,
        tlsCertificate: undefined,
        validationContext: { trustedCa: { inlineBytes: secret.rootsPem }, customValidatorConfig: undefined },
      };
    case 'all-bundles':
      return { name, tlsCertificate: undefined, validationContext: toSpiffeValidator(secret) };
  }
}

function toSpiffeValidator(secret: AllBundlesSecret): CertificateValidationContext {
  const trustDomains = secret.bundles.map(({ trustDomain, rootsPem }) => ({
    name: trustDomain,
    trustBundle: { inlineBytes: rootsPem },
  }));
  const value = Buffer.from(SpiffeCertValidatorConfig.encode({ trustDomains }).finish());
  return {
    trustedCa: undefined,
    customValidatorConfig: {
      name: SPIFFE_VALIDATOR.name,
      typedConfig: { typeUrl: SPIFFE_VALIDATOR.typeUrl, value },
    },
  };
}
