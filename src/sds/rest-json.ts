import { AgentError } from '../core/agent-error.ts';
import type { AllBundlesSecret, Secret } from '../core/secret.ts';
import { SPIFFE_VALIDATOR } from './encode-secret.ts';
import type { FetchRequest } from './fetch-secret.ts';

/** A DiscoveryRequest in JSON. */
export interface RestRequest extends FetchRequest {
  /** The version that the caller holds already, or an empty string. */
  readonly versionInfo: string;
}

/**
 * Reads a DiscoveryRequest in proto3 JSON, where a field may be spelt as in the .proto file (as Envoy does) or in
 * camel case (proto3 JSON mapping). Fields that are not needed are not looked at.
 *
 * @throws AgentError `request-invalid`, naming the field
 */
export function parseRestRequest(body: Buffer): RestRequest {
  const json = parseObject(body);
  return {
    versionInfo: textField(json, 'version_info', 'versionInfo'),
    typeUrl: textField(json, 'type_url', 'typeUrl'),
    names: namesField(json),
  };
}

/** A DiscoveryResponse in proto3 JSON, fields spelt as in the .proto file: as Envoy spells its requests. */
export function toRestResponse(typeUrl: string, name: string, secret: Secret): string {
  const resource = { '@type': typeUrl, name, ...toSecretJson(secret) };
  return JSON.stringify({ version_info: secret.version, resources: [resource], type_url: typeUrl });
}

type Json = Readonly<Record<string, unknown>>;

/** The fields that are read, in both spellings. */
type RequestField = 'version_info' | 'versionInfo' | 'type_url' | 'typeUrl' | 'resource_names' | 'resourceNames';
type RequestJson = Readonly<Partial<Record<RequestField, unknown>>>;

function parseObject(body: Buffer): RequestJson {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    throw new AgentError('request-invalid', 'the body is not JSON');
  }
  if (!isObject(json)) throw new AgentError('request-invalid', 'the body is not a JSON object');
  return json;
}

function isObject(value: unknown): value is RequestJson {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textField(json: RequestJson, name: RequestField, camelName: RequestField): string {
  const value = json[name] ?? json[camelName] ?? '';
  if (typeof value !== 'string') throw new AgentError('request-invalid', `${name} is not a string`);
  return value;
}

function namesField(json: RequestJson): string[] {
  const value = json.resource_names ?? json.resourceNames ?? [];
  if (!Array.isArray(value) || !value.every((name) => typeof name === 'string')) {
    throw new AgentError('request-invalid', 'resource_names is not a list of strings');
  }
  return value;
}

function toSecretJson(secret: Secret): Json {
  switch (secret.kind) {
    case 'certificate':
    case 'file-certificate':
    case 'gateway-certificate':
      return {
        tls_certificate: {
          certificate_chain: toDataSource(secret.chainPem),
          private_key: toDataSource(secret.privateKeyPem.reveal()),
        },
      };
    case 'bundle':
    case 'file-bundle':
    case 'gateway-bundle':
      return { validation_context: { trusted_ca: toDataSource(secret.rootsPem) } };
    case 'all-bundles':
      return { validation_context: { custom_validator_config: toValidatorJson(secret) } };
  }
}

function toValidatorJson({ bundles }: AllBundlesSecret): Json {
  const trustDomains = bundles.map(({ trustDomain, rootsPem }) => ({
    name: trustDomain,
    trust_bundle: toDataSource(rootsPem),
  }));
  return {
    name: SPIFFE_VALIDATOR.name,
    typed_config: { '@type': SPIFFE_VALIDATOR.typeUrl, trust_domains: trustDomains },
  };
}

function toDataSource(bytes: Buffer): Json {
  return { inline_bytes: bytes.toString('base64') };
}
