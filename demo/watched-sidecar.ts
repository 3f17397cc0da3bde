import type { EnvoyProcess } from './processes/envoy-process.ts';

/** What is seen of one sidecar from outside: what its Envoy says that it holds, not what the agent says. */
export interface SidecarView {
  readonly spiffeId: string;
  readonly serial: string;
  readonly expiresMs: number;
  /** How often the certificate in use has become another one. */
  readonly rotations: number;
  readonly handshakes: number;
}

/** Looks at an Envoy again and again, and counts the certificates that it has used. */
export class WatchedSidecar {
  readonly envoy: EnvoyProcess;
  #view: SidecarView | undefined;

  constructor(envoy: EnvoyProcess) {
    this.envoy = envoy;
  }

  /** Looks once more. Rejects when Envoy has ended, or holds no certificate. */
  async look(): Promise<SidecarView> {
    this.envoy.assertRunning();
    const { leaves } = await this.envoy.certificates();
    const leaf = leaves[0];
    if (leaf === undefined) throw new Error(`Envoy ${this.envoy.name} holds no certificate`);
    const known = this.#view;
    const rotated = known !== undefined && known.serial !== leaf.serial_number;
    this.#view = {
      spiffeId: leaf.subject_alt_names[0]?.uri ?? '',
      serial: leaf.serial_number,
      expiresMs: Date.parse(leaf.expiration_time),
      rotations: (known?.rotations ?? 0) + Number(rotated),
      handshakes: await this.envoy.count(/\.ssl\.handshake$/),
    };
    return this.#view;
  }
}
