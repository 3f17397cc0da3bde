import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { toBootstrap } from '../../src/cli/envoy-bootstrap/bootstrap.ts';
import type { EnvoyObject } from '../../src/cli/envoy-bootstrap/document.ts';
import { parseBootstrapOptions } from '../../src/cli/envoy-bootstrap/parse-bootstrap-options.ts';
import { EnvoyProcess } from './envoy-process.ts';

/** Where the sidecars of one folder listen: sockets, so that no port is ever taken. */
export function sidecarSockets(folder: string) {
  return {
    /** The server side's, for mutual TLS. */
    inbound: join(folder, 'inbound.sock'),
    /** The client side's, for its application's plaintext. */
    outbound: join(folder, 'outbound.sock'),
    /** The application behind the server side. */
    app: join(folder, 'app.sock'),
  };
}

export interface SidecarOptions {
  readonly binary: string;
  readonly folder: string;
  readonly role: 'server' | 'client';
  readonly agentSocketPath: string;
  readonly tokenFile: string;
  /** The one SPIFFE ID that is accepted at the other end. */
  readonly peer: string;
  /** More flags of `envoy-config`, such as `--mode`. */
  readonly flags?: readonly string[];
  /** Changes what was printed. */
  readonly edit?: (bootstrap: EnvoyObject) => EnvoyObject;
}

/** Starts an Envoy with what `envoy-config` prints for these flags. */
export function startSidecar(options: SidecarOptions): EnvoyProcess {
  const { binary, folder, role, edit = (bootstrap) => bootstrap } = options;
  const sockets = sidecarSockets(folder);
  const listener = role === 'server' ? sockets.inbound : sockets.outbound;
  rmSync(listener, { force: true });
  const { bootstrap } = parseBootstrapOptions(
    [
      ...['--role', role, '--node-id', `sidecar~${role}`, '--cluster', role, '--spiffe-id', options.peer],
      ...['--socket', options.agentSocketPath, '--token-file', options.tokenFile],
      ...['--admin-address', `unix:${EnvoyProcess.adminPath(folder, role)}`],
      ...['--listener-address', `unix:${sockets.inbound}`, '--app', `unix:${sockets.app}`],
      ...['--outbound-address', `unix:${sockets.outbound}`, '--upstream', `unix:${sockets.inbound}`],
      // A handshake for every request, so that no mistake in a rotation goes unnoticed.
      ...['--requests-per-connection', '1'],
      ...(options.flags ?? []),
    ],
    {},
  );
  return new EnvoyProcess(binary, folder, role, edit(toBootstrap(bootstrap)));
}
