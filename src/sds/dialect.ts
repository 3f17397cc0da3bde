import { AgentError } from '../core/agent-error.ts';
import type { MessageFilter } from '../core/rpc.ts';
import type { Secret } from '../core/secret.ts';
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '../gen/xds/discovery.ts';
import * as delta from './delta-session.ts';
import { encodeSecret } from './encode-secret.ts';
import type { FetchRequest } from './fetch-secret.ts';
import { RequestFilter } from './request-filter.ts';
import { responseVersion } from './response-version.ts';
import type { Session, Step } from './session.ts';
import * as sotw from './sotw-session.ts';

/** A request as it was read from the wire. */
export interface Heard {
  readonly typeUrl: string;
  /** The Envoy's Node id; most requests leave the Node out. */
  readonly nodeId: string | undefined;
  /** What the request does to the session. */
  readonly applyTo: (session: Session) => Step;
}

export interface Response {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly secrets: ReadonlyMap<string, Secret>;
}

/** One of the two xDS protocols: its messages and its session machine. */
export interface Dialect {
  /** Shortens a request while it arrives, to what `decode` looks at. */
  readonly createFilter: () => MessageFilter;
  /** Reads a request. Throws AgentError `request-invalid`. */
  readonly decode: (message: Buffer) => Heard;
  readonly learnVersions: (session: Session, versions: ReadonlyMap<string, string | undefined>) => Step;
  readonly encode: (response: Response) => Uint8Array;
}

/**
 * Reads a message with its decoder.
 *
 * @throws AgentError `request-invalid`
 */
function decodeWith<Message>(decoder: { decode(bytes: Uint8Array): Message }, bytes: Uint8Array): Message {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new AgentError('request-invalid', 'the message is not a discovery request', { cause });
  }
}

/** Reads what a fetch asks for: a state-of-the-world request that opens no stream. Throws `request-invalid`. */
export function decodeSotwRequest(message: Buffer): FetchRequest {
  const { typeUrl, resourceNames } = decodeWith(DiscoveryRequest, message);
  return { typeUrl, names: resourceNames };
}

export const stateOfTheWorld: Dialect = {
  createFilter: () => new RequestFilter(2),
  decode(message) {
    const request = decodeWith(DiscoveryRequest, message);
    return {
      typeUrl: request.typeUrl,
      nodeId: request.node?.id,
      applyTo: (session) =>
        sotw.hearRequest(session, {
          names: request.resourceNames,
          nonce: request.responseNonce,
          rejection: request.errorDetail?.message,
        }),
    };
  },
  learnVersions: sotw.learnVersions,
  encode({ typeUrl, nonce, secrets }) {
    const resources = [...secrets].map(([name, secret]) => ({ typeUrl, value: encodeSecret(secret, name) }));
    return DiscoveryResponse.encode({ versionInfo: responseVersion(secrets), resources, typeUrl, nonce }).finish();
  },
};

export const deltaDialect: Dialect = {
  createFilter: () => new RequestFilter(1),
  decode(message) {
    const request = decodeWith(DeltaDiscoveryRequest, message);
    return {
      typeUrl: request.typeUrl,
      nodeId: request.node?.id,
      applyTo: (session) =>
        delta.hearRequest(session, {
          subscribe: request.resourceNamesSubscribe,
          unsubscribe: request.resourceNamesUnsubscribe,
          nonce: request.responseNonce,
          rejection: request.errorDetail?.message,
        }),
    };
  },
  learnVersions: delta.learnVersions,
  encode({ typeUrl, nonce, secrets }) {
    const resources = [...secrets].map(([name, secret]) => ({
      name,
      version: secret.version,
      resource: { typeUrl, value: encodeSecret(secret, name) },
    }));
    const systemVersionInfo = responseVersion(secrets);
    return DeltaDiscoveryResponse.encode({
      systemVersionInfo,
      resources,
      typeUrl,
      nonce,
      removedResources: [],
    }).finish();
  },
};
