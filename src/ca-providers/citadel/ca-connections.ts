import type { SecureContext } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { orAborted } from '../or-aborted.ts';
import { CaConnection } from './ca-connection.ts';
import type { CaAddress } from './parse-ca-address.ts';
import type { TlsRoots } from './tls-roots.ts';

export interface CaConnectionsParts {
  readonly address: CaAddress;
  /** The name to expect in the CA's certificate, where it is not the address's. */
  readonly serverName: string | undefined;
  /** Undefined for an address that is spoken to in plain text. */
  readonly roots: TlsRoots | undefined;
}

interface Newest {
  readonly connection: CaConnection;
  readonly roots: SecureContext | undefined;
}

/**
 * Keeps one connection to the CA, for as long as it is good: until the roots that verify the CA change, or until a
 * call fails in a way that a new connection may mend. Calls that run on an old one end there.
 */
export class CaConnections {
  readonly #parts: CaConnectionsParts;
  #newest: Newest | undefined;

  constructor(parts: CaConnectionsParts) {
    this.#parts = parts;
  }

  /** Does some work on the newest connection; gives its outcome. */
  async use<T>(signal: AbortSignal, work: (connection: CaConnection) => Promise<T>): Promise<T> {
    const { roots } = this.#parts;
    const context = roots && (await orAborted(roots.current(), signal));
    const connection = this.#connectionWith(context);
    try {
      return await work(connection);
    } catch (thrown) {
      // A call that was given up may have waited for a peer that is gone without a word.
      if (signal.aborted || isUnavailable(thrown)) this.#replace(connection);
      throw thrown;
    }
  }

  #connectionWith(roots: SecureContext | undefined): CaConnection {
    if (this.#newest?.roots === roots && this.#newest !== undefined) return this.#newest.connection;
    this.#newest?.connection.retire();
    const { address, serverName } = this.#parts;
    const { target, host } = address;
    const name = serverName ?? host;
    const check = roots && name !== undefined ? { roots, name } : undefined;
    const connection = new CaConnection({ target, check, authority: serverName });
    this.#newest = { connection, roots };
    return connection;
  }

  /** The next call gets a new connection, unless somebody else has seen to that. */
  #replace(connection: CaConnection): void {
    if (this.#newest?.connection !== connection) return;
    this.#newest = undefined;
    connection.retire();
  }
}

function isUnavailable(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === status.UNAVAILABLE;
}
