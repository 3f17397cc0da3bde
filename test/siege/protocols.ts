import { DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryResponse } from '../../src/gen/xds/discovery.ts';
import { encodeRequest, STREAM_SECRETS } from '../agent-world.ts';

/** What a request says besides the names it asks for. */
export interface Answer {
  readonly nonce: string;
  readonly rejection: string;
}

/** One of the two xDS protocols, as bytes. */
export interface Protocol {
  readonly path: string;
  /** The number of the field `node` in a request. */
  readonly nodeField: number;
  /** A request for these names, which may answer a response. */
  readonly ask: (names: readonly string[], answer?: Answer) => Uint8Array;
  readonly read: (response: Buffer) => { readonly nonce: string; readonly version: string };
}

export const PROTOCOLS: Readonly<Record<'state of the world' | 'delta', Protocol>> = {
  'state of the world': {
    path: STREAM_SECRETS,
    nodeField: 2,
    ask: (names, answer) => encodeRequest({ resourceNames: [...names], ...toFields(answer) }),
    read(response) {
      const { nonce, versionInfo } = DiscoveryResponse.decode(response);
      return { nonce, version: versionInfo };
    },
  },
  delta: {
    path: '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets',
    nodeField: 1,
    ask(names, answer) {
      const resourceNamesSubscribe = answer === undefined ? [...names] : [];
      const request = { node: undefined, typeUrl: '', resourceNamesSubscribe, resourceNamesUnsubscribe: [] };
      return DeltaDiscoveryRequest.encode({ ...request, ...toFields(answer) }).finish();
    },
    read(response) {
      const { nonce, systemVersionInfo } = DeltaDiscoveryResponse.decode(response);
      return { nonce, version: systemVersionInfo };
    },
  },
};

function toFields(answer: Answer | undefined) {
  if (answer === undefined) return { responseNonce: '', errorDetail: undefined };
  return { responseNonce: answer.nonce, errorDetail: { code: 13, message: answer.rejection } };
}
