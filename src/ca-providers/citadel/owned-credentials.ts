import { once } from 'node:events';
import { isIP, type Socket } from 'node:net';
import { connect, type SecureContext } from 'node:tls';
import { CallCredentials, ChannelCredentials } from '@grpc/grpc-js';

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>;

/** What a server is verified with. */
export interface ServerCheck {
  readonly roots: SecureContext;
  /** The name or IP address that its certificate has to be for. */
  readonly name: string;
}

/**
 * How a channel's connections are opened: with TLS, or in plain text where there is no check. In place of grpc-js's
 * own, because those leave a socket behind for good when a channel is closed in the middle of a handshake, and a CA
 * that hangs would collect one for each try; and because they send IP addresses as server names (RFC 6066, 3).
 */
export class OwnedCredentials extends ChannelCredentials {
  readonly #check: ServerCheck | undefined;

  constructor(check: ServerCheck | undefined) {
    super();
    this.#check = check;
  }

  override _isSecure(): boolean {
    return this.#check !== undefined;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(): SecureConnector {
    const check = this.#check;
    const sockets = new Set<Socket>();
    let isDestroyed = false;
    const own = (socket: Socket): Socket => {
      // A connection may come after nobody wants it any more.
      if (isDestroyed) socket.destroy();
      sockets.add(socket);
      // An error that nobody listens for would end the process.
      return socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    };
    return {
      waitForReady: async () => undefined,
      connect: async (tcp) => {
        if (check === undefined) return { socket: own(tcp), secure: false };
        const socket = own(shakeHands(tcp, check));
        await once(socket, 'secureConnect');
        return { socket, secure: true };
      },
      getCallCredentials: () => CallCredentials.createEmpty(),
      destroy: () => {
        isDestroyed = true;
        for (const socket of sockets) socket.destroy();
      },
    };
  }
}

function shakeHands(socket: Socket, { roots, name }: ServerCheck): Socket {
  const servername = isIP(name) === 0 ? name : '';
  return connect({ socket, secureContext: roots, host: name, servername, ALPNProtocols: ['h2'] });
}
