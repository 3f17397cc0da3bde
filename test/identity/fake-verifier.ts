import type { Token } from '../../src/core/caller.ts';
import type { TokenMeter } from '../../src/core/meters.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import type { TokenVerifier, VerifiedToken } from '../../src/core/token-verifier.ts';

/** Accepts every token, for the account of the token's text; counts, and fails or waits when told to. */
export class FakeVerifier implements TokenVerifier {
  readonly name: string;
  readonly verified: string[] = [];
  failure: Error | undefined;
  held: Promise<void> = Promise.resolve();
  expiresAtMs: number;
  podUid: string | undefined = 'pod-1';

  constructor(expiresAtMs: number, name = 'fake') {
    this.expiresAtMs = expiresAtMs;
    this.name = name;
  }

  async verify(token: Token, _signal: AbortSignal): Promise<VerifiedToken> {
    const text = token.reveal();
    this.verified.push(text);
    await this.held;
    if (this.failure !== undefined) throw this.failure;
    const spiffeId = serviceAccountId('cluster.local', 'shop', text.split('.')[0] ?? '');
    return { spiffeId, expiresAtMs: this.expiresAtMs, ...(this.podUid !== undefined && { podUid: this.podUid }) };
  }
}

/** Keeps what it is told, as `verifier result`. */
export class RecordingTokenMeter implements TokenMeter {
  readonly results: string[] = [];

  verified(verifier: string, result: string): void {
    this.results.push(`${verifier} ${result}`);
  }
}
