import type { IdentityJudge } from '../core/identity-policy.ts';
import type { SdsMeter } from '../core/meters.ts';
import type { PendingName, ServedResource } from '../core/status-report.ts';
import type { SdsStream, ServedSecret } from './sds-stream.ts';

/** The status page shows no more pending names than this; peers choose them, so there may be many. */
const MAX_PENDING_SHOWN = 1000;

/** The streams that are open now, for `status` and for their meter; also gives each its own nonces. */
export class StreamRegistry {
  readonly #meter: SdsMeter;
  readonly #processPrefix: string;
  readonly #open = new Set<SdsStream>();
  #opened = 0;

  /** @param processPrefix begins every nonce; random, so that a nonce of an earlier process is never taken for ours */
  constructor(meter: SdsMeter, processPrefix: string) {
    this.#meter = meter;
    this.#processPrefix = processPrefix;
  }

  get size(): number {
    return this.#open.size;
  }

  nextNoncePrefix(): string {
    this.#opened++;
    return `${this.#processPrefix}-${this.#opened.toString(36)}-`;
  }

  add(stream: SdsStream): void {
    this.#open.add(stream);
    this.#meter.streamOpened();
  }

  remove(stream: SdsStream): void {
    if (this.#open.delete(stream)) this.#meter.streamClosed();
  }

  /** Ends the streams of callers that may not be served any more. */
  recheck(judge: IdentityJudge): void {
    for (const stream of this.#open) stream.recheck(judge);
  }

  /** Names that are subscribed to and not served, each with the number of streams that wait for it. */
  pending(): PendingName[] {
    const streamsByName = new Map<string, number>();
    for (const stream of this.#open) {
      for (const name of stream.pendingNames()) {
        const streams = streamsByName.get(name);
        if (streams === undefined && streamsByName.size >= MAX_PENDING_SHOWN) continue;
        streamsByName.set(name, (streams ?? 0) + 1);
      }
    }
    return [...streamsByName].map(([name, streams]) => ({ name, streams }));
  }

  /** What each Envoy holds, for Istio's `/debug/sds/workload`. No key. */
  served(): ServedResource[] {
    return [...this.#open].flatMap((stream) =>
      stream.servedSecrets().map((served) => toServedResource(stream, served)),
    );
  }
}

function toServedResource({ connectionId, nodeId }: SdsStream, { name, secret }: ServedSecret): ServedResource {
  const place = { connectionId, proxy: nodeId, resourceName: name };
  switch (secret.kind) {
    case 'certificate':
    case 'file-certificate':
    case 'gateway-certificate': {
      const { chainPem, notBeforeMs, notAfterMs } = secret;
      return { ...place, certificateChainPem: chainPem.toString(), createdMs: notBeforeMs, expiresMs: notAfterMs };
    }
    case 'bundle':
    case 'file-bundle':
    case 'gateway-bundle':
      return { ...place, rootCertPem: secret.rootsPem.toString(), expiresMs: secret.notAfterMs };
    case 'all-bundles': {
      const rootCertPem = secret.bundles.map(({ rootsPem }) => rootsPem.toString()).join('');
      const expiresMs = Math.min(...secret.bundles.map(({ notAfterMs }) => notAfterMs));
      return { ...place, rootCertPem, expiresMs };
    }
  }
}
