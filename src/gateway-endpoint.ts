import type { GatewaySettings, SdsSettings } from './config/settings.ts';
import type { KubernetesSecrets } from './core/kubernetes-secrets.ts';
import type { GrpcMethods } from './core/rpc.ts';
import type { IssuedRef } from './core/secret.ts';
import type { SecretStore } from './core/secret-store.ts';
import type { ForeignStatus } from './core/status-report.ts';
import { GatewaySecretNames } from './gateway-secrets/gateway-secret-names.ts';
import { GatewaySecretStore } from './gateway-secrets/gateway-secret-store.ts';
import { dispatched } from './sds/dispatched.ts';
import type { SdsContext } from './sds/sds-context.ts';
import { sdsMethods, sdsRoutes } from './sds/sds-services.ts';
import type { StreamRegistry } from './sds/stream-registry.ts';
import { SocketListener, type SocketListenerOptions } from './transport/socket-listener.ts';

/** What the agent gives to its endpoint. */
export interface GatewayEndpointParts extends Pick<SocketListenerOptions, 'attestor' | 'limits' | 'peerKey' | 'meter'> {
  readonly settings: GatewaySettings;
  readonly sds: SdsSettings;
  readonly secrets: KubernetesSecrets;
  /** The callers' own certificates and bundles. */
  readonly issued: SecretStore<IssuedRef>;
  /** As on the SDS socket, but for the names and the store. */
  readonly context: Omit<SdsContext, 'names' | 'store'>;
  readonly streams: StreamRegistry;
  readonly health: GrpcMethods;
  readonly forgetAfterMs: number;
}

/** The socket for gateways: Kubernetes Secrets by name, and the caller's own secrets. Nothing else is served there. */
export class GatewayEndpoint {
  readonly #parts: GatewayEndpointParts;
  readonly #store: GatewaySecretStore;
  readonly #listener: SocketListener;

  constructor(parts: GatewayEndpointParts) {
    const { settings, sds, secrets, issued, streams, health, forgetAfterMs, attestor, limits, peerKey, meter } = parts;
    const { clock, log } = parts.context;
    this.#parts = parts;
    this.#store = new GatewaySecretStore({ secrets, clock, log, forgetAfterMs });
    const names = new GatewaySecretNames(settings.namespace, clock, log);
    const context: SdsContext = {
      ...parts.context,
      store: dispatched({ issued, gateway: this.#store }),
      names: { ...sds, elsewhere: (name, caller) => names.resolve(name, caller) },
    };
    this.#listener = new SocketListener({
      path: settings.socketPath,
      mode: sds.socketMode,
      gid: sds.socketGid,
      methods: new Map([...sdsMethods(context, streams), ...health]),
      routes: sdsRoutes(context),
      attestor,
      ...(limits && { limits }),
      ...(peerKey && { peerKey }),
      log,
      meter,
      clock,
    });
  }

  get connections(): number {
    return this.#listener.connections;
  }

  /** Rejects with `socket-unusable` where `listen` would. */
  requireFree(): Promise<void> {
    return this.#listener.requireFree();
  }

  /** Follows the Secrets until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#store.run(signal);
  }

  /** Rejects with `socket-unusable`. */
  async listen(): Promise<void> {
    const { settings, context } = this.#parts;
    await this.#listener.listen();
    const { socketPath: socket, namespace } = settings;
    context.log.info('gateways are served', { socket, namespace });
  }

  /** Ends streams with UNAVAILABLE; then the socket goes. */
  drain(graceMs: number): Promise<void> {
    return this.#listener.drain(graceMs);
  }

  status(): ForeignStatus[] {
    return this.#store.status();
  }
}
