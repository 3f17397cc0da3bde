import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '../../src/gen/xds/discovery.ts';
import { Secret, SpiffeCertValidatorConfig } from '../../src/gen/xds/secret.ts';

// Envoy's own .proto files, as a package brings them: what we trimmed has to say the same on the wire.
const PROTOS = 'node_modules/@grpc/grpc-js-xds/deps';
const ENVOY_INCLUDES = ['envoy-api', 'xds', 'protoc-gen-validate', 'googleapis'].map((folder) => `${PROTOS}/${folder}`);
const INCLUDES = [...ENVOY_INCLUDES, 'node_modules/protobufjs'];

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => {
  // protobufjs has most of google/protobuf built in.
  if (protobuf.common.get(target) !== null) return target;
  return INCLUDES.map((folder) => `${folder}/${target}`).find((path) => existsSync(path)) ?? null;
};
root.loadSync([
  'envoy/service/discovery/v3/discovery.proto',
  'envoy/extensions/transport_sockets/tls/v3/secret.proto',
  'envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.proto',
]);

const DISCOVERY = 'envoy.service.discovery.v3';
const TLS = 'envoy.extensions.transport_sockets.tls.v3';
const bytes = Buffer.from('some bytes');
const any = { typeUrl: 'type.googleapis.com/x', value: bytes };

function theirs(name: string, message: Readonly<Record<string, unknown>>): Buffer {
  const type = root.lookupType(name);
  return Buffer.from(type.encode(type.fromObject(message)).finish());
}

function readAsTheirs(name: string, encoded: Uint8Array): unknown {
  const type = root.lookupType(name);
  return type.toObject(type.decode(encoded), { bytes: String, defaults: false });
}

test("Envoy's DiscoveryRequest is read, whatever else its Node carries", () => {
  const node = {
    id: 'sidecar',
    cluster: 'shop',
    metadata: { fields: { A: { stringValue: 'b' } } },
    userAgentName: 'envoy',
  };
  const error = { code: 13, message: 'bad key', details: [{ type_url: 'x', value: bytes }] };
  const request = {
    versionInfo: 'v',
    node,
    resourceNames: ['a', 'b'],
    typeUrl: 't',
    responseNonce: 'n',
    errorDetail: error,
  };
  assert.deepEqual(DiscoveryRequest.decode(theirs(`${DISCOVERY}.DiscoveryRequest`, request)), {
    versionInfo: 'v',
    node: { id: 'sidecar', cluster: 'shop' },
    resourceNames: ['a', 'b'],
    typeUrl: 't',
    responseNonce: 'n',
    errorDetail: { code: 13, message: 'bad key' },
  });
});

test("Envoy's DeltaDiscoveryRequest is read, and initial versions are passed over", () => {
  const request = {
    node: { id: 'sidecar' },
    typeUrl: 't',
    resourceNamesSubscribe: ['a'],
    resourceNamesUnsubscribe: ['b'],
    initialResourceVersions: { a: '1' },
    responseNonce: 'n',
    errorDetail: { code: 3, message: 'm' },
  };
  assert.deepEqual(DeltaDiscoveryRequest.decode(theirs(`${DISCOVERY}.DeltaDiscoveryRequest`, request)), {
    node: { id: 'sidecar', cluster: '' },
    typeUrl: 't',
    resourceNamesSubscribe: ['a'],
    resourceNamesUnsubscribe: ['b'],
    responseNonce: 'n',
    errorDetail: { code: 3, message: 'm' },
  });
});

test('our DiscoveryResponse is the one that Envoy reads', () => {
  const ours = DiscoveryResponse.encode({ versionInfo: 'v', resources: [any], typeUrl: 't', nonce: 'n' }).finish();
  assert.deepEqual(readAsTheirs(`${DISCOVERY}.DiscoveryResponse`, ours), {
    versionInfo: 'v',
    resources: [{ type_url: any.typeUrl, value: bytes.toString('base64') }],
    typeUrl: 't',
    nonce: 'n',
  });
});

test('our DeltaDiscoveryResponse is the one that Envoy reads', () => {
  const resources = [{ name: 'default', version: 'v', resource: any }];
  const response = { systemVersionInfo: 's', resources, typeUrl: 't', nonce: 'n', removedResources: [] };
  assert.deepEqual(
    readAsTheirs(`${DISCOVERY}.DeltaDiscoveryResponse`, DeltaDiscoveryResponse.encode(response).finish()),
    {
      systemVersionInfo: 's',
      resources: [
        { name: 'default', version: 'v', resource: { type_url: any.typeUrl, value: bytes.toString('base64') } },
      ],
      typeUrl: 't',
      nonce: 'n',
    },
  );
});

test('our Secret is the one that Envoy reads, in each of its shapes', () => {
  const source = { inlineBytes: bytes };
  const inline = { inlineBytes: bytes.toString('base64') };
  const certificate = { certificateChain: source, privateKey: source };
  const encode = (parts: Partial<Secret>): Uint8Array =>
    Secret.encode({ name: 'n', tlsCertificate: undefined, validationContext: undefined, ...parts }).finish();
  assert.deepEqual(readAsTheirs(`${TLS}.Secret`, encode({ tlsCertificate: certificate })), {
    name: 'n',
    tlsCertificate: { certificateChain: inline, privateKey: inline },
  });
  assert.deepEqual(
    readAsTheirs(
      `${TLS}.Secret`,
      encode({ validationContext: { trustedCa: source, customValidatorConfig: undefined } }),
    ),
    { name: 'n', validationContext: { trustedCa: inline } },
  );
  const customValidatorConfig = { name: 'validator', typedConfig: any };
  assert.deepEqual(
    readAsTheirs(`${TLS}.Secret`, encode({ validationContext: { trustedCa: undefined, customValidatorConfig } })),
    {
      name: 'n',
      validationContext: {
        customValidatorConfig: {
          name: 'validator',
          typedConfig: { type_url: any.typeUrl, value: bytes.toString('base64') },
        },
      },
    },
  );
});

test("our validator of trust domains is Envoy's", () => {
  const trustDomains = [{ name: 'cluster.local', trustBundle: { inlineBytes: bytes } }];
  const ours = SpiffeCertValidatorConfig.encode({ trustDomains }).finish();
  assert.deepEqual(readAsTheirs(`${TLS}.SPIFFECertValidatorConfig`, ours), {
    trustDomains: [{ name: 'cluster.local', trustBundle: { inlineBytes: bytes.toString('base64') } }],
  });
});
