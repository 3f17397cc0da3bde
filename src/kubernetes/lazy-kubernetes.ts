import type { Clock } from '../core/clock.ts';
import type { KubernetesSecrets } from '../core/kubernetes-secrets.ts';
import type { Log } from '../core/log.ts';
import type { TokenReviewer } from '../core/token-reviewer.ts';
import type { ConfigMapContent } from './apply-config-map.ts';
import type { KubernetesClient, KubernetesClientOptions } from './kubernetes-client.ts';
import type { RequestedTokens, RequestedTokensOptions } from './requested-tokens.ts';

/** What talks to the API server of the settings; undefined where they name none. */
export function lazyKubernetes(
  settings: { readonly api: Omit<KubernetesClientOptions, 'clock'> | undefined },
  clock: Clock,
): LazyKubernetes | undefined {
  return settings.api && new LazyKubernetes(settings.api, clock);
}

/** What talks to the API server, imported and made when it is asked for: who needs none does without its memory. */
export class LazyKubernetes {
  readonly #options: KubernetesClientOptions;
  #client: Promise<KubernetesClient> | undefined;

  constructor(api: Omit<KubernetesClientOptions, 'clock'>, clock: Clock) {
    this.#options = { ...api, clock };
  }

  /** One client for all. */
  client(): Promise<KubernetesClient> {
    this.#client ??= import('./kubernetes-client.ts').then((room) => new room.KubernetesClient(this.#options));
    return this.#client;
  }

  /** Tokens for the pods of this node. */
  async requestedTokens(options: Omit<RequestedTokensOptions, 'client' | 'clock'>): Promise<RequestedTokens> {
    const room = await import('./requested-tokens.ts');
    return new room.RequestedTokens({ ...options, client: await this.client(), clock: this.#options.clock });
  }

  /** The Secrets of a namespace that may be passed on to gateways; nothing is asked before it runs. */
  async gatewaySecrets(namespace: string, log: Log): Promise<KubernetesSecrets> {
    const { GatewaySecretsInformer } = await import('./gateway-secrets-informer.ts');
    const { clock } = this.#options;
    return new GatewaySecretsInformer({ client: await this.client(), namespace, clock, log, random: Math.random });
  }

  /** As `checkTokenRights` of its own file. */
  async checkTokenRights(nodeName: string, signal: AbortSignal): Promise<number> {
    const room = await import('./check-token-rights.ts');
    return await room.checkTokenRights(await this.client(), nodeName, signal);
  }

  /** As `applyConfigMap` of its own file. */
  async applyConfigMap(content: ConfigMapContent, signal: AbortSignal): Promise<void> {
    const room = await import('./apply-config-map.ts');
    await room.applyConfigMap(await this.client(), content, signal);
  }

  async tokenReviewer(): Promise<TokenReviewer> {
    const { ApiTokenReviewer } = await import('./api-token-reviewer.ts');
    return new ApiTokenReviewer(await this.client());
  }
}
