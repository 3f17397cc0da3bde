import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Caller } from '../core/caller.ts';
import type { WorkloadApiMethod } from '../core/meters.ts';
import type { Call, GrpcMethod, GrpcMethods, ReceiveMessage } from '../core/rpc.ts';
import {
  JWTBundlesRequest,
  SpiffeWorkloadAPIDefinition,
  X509BundlesRequest,
  X509SVIDRequest,
} from '../gen/spiffe/workload.ts';
import type { OpenFeed } from './feed.ts';
import { identifyCaller } from './identify-caller.ts';
import { fetchJwtSvid, validateJwtSvid } from './jwt-calls.ts';
import { PushingStream } from './pushing-stream.ts';
import type { JwtContext, WorkloadApiContext } from './workload-api-context.ts';
import { x509BundlesFeed, x509SvidFeed } from './x509-feeds.ts';

type AnswerUnary = (jwt: JwtContext, caller: Caller, message: Buffer, signal: AbortSignal) => Promise<Uint8Array>;

/** The SPIFFE Workload API (SPIFFE Workload API, section 3), by path. */
export function workloadApiMethods(context: WorkloadApiContext): GrpcMethods {
  const { store, jwt } = context;
  const methods: Record<WorkloadApiMethod, GrpcMethod> = {
    FetchX509SVID: pushing(context, 'FetchX509SVID', X509SVIDRequest, x509SvidFeed(store)),
    FetchX509Bundles: pushing(context, 'FetchX509Bundles', X509BundlesRequest, x509BundlesFeed(store)),
    FetchJWTSVID: unary(context, 'FetchJWTSVID', fetchJwtSvid),
    // Without an authority it has nothing to push, and ends as a unary call does.
    FetchJWTBundles:
      jwt === undefined
        ? unary(context, 'FetchJWTBundles', async () => Buffer.alloc(0))
        : pushing(context, 'FetchJWTBundles', JWTBundlesRequest, jwt.bundles.feed),
    ValidateJWTSVID: unary(context, 'ValidateJWTSVID', (authority, _caller, message, signal) =>
      validateJwtSvid(authority, message, signal),
    ),
  };
  const { fullName } = SpiffeWorkloadAPIDefinition;
  return new Map(Object.entries(methods).map(([name, method]) => [`/${fullName}/${name}`, method]));
}

function pushing(
  context: WorkloadApiContext,
  name: WorkloadApiMethod,
  request: { decode(message: Buffer): unknown },
  openFeed: OpenFeed,
): GrpcMethod {
  return {
    kind: 'stream',
    open(call) {
      const stream = new PushingStream(context, {
        call,
        decode: (message) => request.decode(message),
        openFeed,
        onResult: (result) => context.meter.requested(name, result),
      });
      stream.identify();
      return stream;
    },
  };
}

function unary(context: WorkloadApiContext, name: WorkloadApiMethod, answer: AnswerUnary): GrpcMethod {
  async function identifyAndAnswer(call: Call, receive: ReceiveMessage): Promise<Uint8Array> {
    const caller = await identifyCaller(call, context.authenticator);
    if (context.jwt !== undefined) return answer(context.jwt, caller, await receive(), call.signal);
    throw new AgentError('request-unimplemented', 'the CA of this agent makes no JWT-SVIDs: the embedded one does');
  }
  return {
    kind: 'unary',
    async handle(call, receive) {
      try {
        const answered = await identifyAndAnswer(call, receive);
        context.meter.requested(name, 'ok');
        return answered;
      } catch (thrown) {
        const error = toAgentError(thrown);
        context.meter.requested(name, error.code);
        context.onRefused(call, error);
        throw error;
      }
    },
  };
}
