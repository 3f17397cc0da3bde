import type { SecureContext } from 'node:tls';
import { orAborted } from '../../runtime/or-aborted.ts';
import { CaConnection } from './ca-connection.ts';
import type { ServerCheck } from './owned-credentials.ts';
import { isFailedCall, isOfConnection } from './status-error.ts';
import type { TlsRoots } from './tls-roots.ts';

export interface ReplaceableConnectionParts {
  /** The CA's address as gRPC names it. */
  readonly target: string;
  /** What its certificate is verified with. Undefined: it is spoken to in plain text. */
  readonly tls: { readonly roots: TlsRoots; readonly name: string } | undefined;
  /** The `:authority` of requests, where it is not the target's. */
  readonly authority: string | undefined;
}

interface Newest {
  readonly connection: CaConnection;
  readonly roots: SecureContext | undefined;
}

/**
 * Keeps one connection to the CA, for as long as it is good: until the roots that verify the CA change, or until a
 * call fails in a way that a new connection may mend. Calls that run on an old one end there.
 */
export class ReplaceableConnection {
  readonly #parts: ReplaceableConnectionParts;
  #newest: Newest | undefined;

  constructor(parts: ReplaceableConnectionParts) {
    this.#parts = parts;
  }

  /** Does some work on the newest connection; gives its outcome. */
  async use<T>(signal: AbortSignal, work: (connection: CaConnection) => Promise<T>): Promise<T> {
    const { tls } = this.#parts;
    const check = tls && { name: tls.name, roots: await orAborted(tls.roots.current(), signal) };
    const connection = this.#connectionWith(check);
    try {
      return await work(connection);
    } catch (thrown) {
      // A call that was given up may have waited for a peer that is gone without a word.
      if (signal.aborted || (isFailedCall(thrown) && isOfConnection(thrown))) this.#replace(connection);
      throw thrown;
    }
  }

  #connectionWith(check: ServerCheck | undefined): CaConnection {
    if (this.#newest !== undefined && this.#newest.roots === check?.roots) return this.#newest.connection;
    this.#newest?.connection.retire();
    const { target, authority } = this.#parts;
    const connection = new CaConnection({ target, check, authority });
    this.#newest = { connection, roots: check?.roots };
    return connection;
  }

  /** The next call gets a new connection, unless somebody else has seen to that. */
  #replace(connection: CaConnection): void {
    if (this.#newest?.connection !== connection) return;
    this.#newest = undefined;
    connection.retire();
  }
}
