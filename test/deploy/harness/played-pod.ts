import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GuardedProcess } from '../../../demo/processes/guarded-process.ts';
import type { KubernetesApi } from '../../fakes/kubernetes-api.ts';
import { type Container, environmentOf, type PodSpec, type Volume } from './manifests.ts';

/** What a played pod has from the world around it. */
export interface PodSurroundings {
  readonly api: KubernetesApi;
  readonly namespace: string;
  /** What the image has in `/app`. */
  readonly app: string;
  /** A folder of the pod's own, and that in which the paths of the node are. */
  readonly folder: string;
  readonly nodeFolder: string;
  /** Replaces texts in arguments and values, such as addresses that only a cluster has. */
  readonly replaced: Readonly<Record<string, string>>;
  readonly extraEnv?: Readonly<Record<string, string>>;
}

/**
 * The only container of a pod of a manifest, as a process of this machine: its arguments and its environment are those
 * of the manifest, its paths are moved into a folder. It starts when its ConfigMaps are there, as with the kubelet.
 * Where root plays it, the init container runs before it, and it runs as the user of the manifest, without
 * capabilities.
 */
export class PlayedPod implements AsyncDisposable {
  readonly logFile: string;
  readonly #process: GuardedProcess;

  private constructor(logFile: string, running: GuardedProcess) {
    this.logFile = logFile;
    this.#process = running;
  }

  /** Undefined while a ConfigMap that it mounts is not there. */
  static start(pod: PodSpec, surroundings: PodSurroundings): PlayedPod | undefined {
    const [container] = pod.containers;
    if (container === undefined) throw new Error('a pod without containers');
    const moves = layOutVolumes(pod, container, surroundings);
    if (moves === undefined) return undefined;
    const { api, app, folder, replaced, extraEnv } = surroundings;
    const moved = (text: string): string =>
      Object.entries({ ...replaced, ...moves }).reduce((moving, [from, to]) => moving.replaceAll(from, to), text);
    const settings = Object.entries(environmentOf(container)).map(([name, value]) => [name, moved(value)]);
    const tokenFile = join(folder, 'service-account-token');
    writeFileSync(tokenFile, api.agentToken());
    const logFile = join(folder, 'log');
    const isRoot = process.getuid?.() === 0;
    if (isRoot) runInitContainers(pod, (text) => moved(text.replace(/^\/app\//, `${app}/`)));
    const [command = '', ...args] = [
      ...(isRoot ? withoutRights(pod) : []),
      ...[process.execPath, join(app, 'bin', 'sds-node-agent')],
      ...(container.args ?? []).map(moved),
    ];
    const running = new GuardedProcess({
      ...{ command, args },
      env: {
        // Defaults, which are not in the manifests.
        ADMIN_SOCKET: moved('/var/run/sds-admin/admin.sock'),
        SDS_UDS_PATH: moved('/var/run/sds/uds_path'),
        ...Object.fromEntries(settings),
        NODE_NAME: 'node-1',
        ...{ KUBERNETES_SERVICE_HOST: 'localhost', KUBERNETES_SERVICE_PORT: '443' },
        ...{ KUBERNETES_API_SERVER: api.url, KUBERNETES_API_TOKEN_FILE: tokenFile },
        // In a cluster each pod has ports of its own.
        ...{ MONITORING_PORT: '0', DEBUG_PORT: '', MONITORING_ADDRESS: '127.0.0.1' },
        ...extraEnv,
      },
      logFile,
    });
    return new PlayedPod(logFile, running);
  }

  /** Throws with its log where it has ended. */
  assertRunning(): void {
    if (!this.#process.running) throw new Error(readFileSync(this.logFile, 'utf8'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
  }
}

function runInitContainers({ initContainers = [] }: PodSpec, moved: (text: string) => string): void {
  for (const { command = [], args = [] } of initContainers) {
    const [program, ...rest] = [...command, ...args].map(moved);
    if (program !== 'node') throw new Error(`the image has no ${program}`);
    execFileSync(process.execPath, rest, { stdio: 'inherit' });
  }
}

/** A command that runs another one as the user of the pod, who may nothing else. */
function withoutRights({ securityContext: { runAsUser, runAsGroup } }: PodSpec): readonly string[] {
  const rights = ['--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', '--clear-groups'];
  return ['setpriv', `--reuid=${runAsUser}`, `--regid=${runAsGroup}`, ...rights];
}

/** Where each path of a mount is on this machine, the longest first; undefined while a ConfigMap is missing. */
function layOutVolumes(
  { volumes }: PodSpec,
  { volumeMounts = [] }: Container,
  surroundings: PodSurroundings,
): Readonly<Record<string, string>> | undefined {
  const places = new Map<string, string>();
  for (const { name, mountPath } of volumeMounts) {
    const volume = volumes.find((each) => each.name === name);
    if (volume === undefined) throw new Error(`no volume ${name}`);
    const place = layOutVolume(volume, surroundings);
    if (place === undefined) return undefined;
    places.set(mountPath, place);
  }
  return Object.fromEntries([...places].sort(([one], [other]) => other.length - one.length));
}

function layOutVolume(
  { name, hostPath, configMap }: Volume,
  { api, namespace, folder, nodeFolder }: PodSurroundings,
): string | undefined {
  const place = hostPath === undefined ? join(folder, name) : join(nodeFolder, hostPath.path.replaceAll('/', '_'));
  if (!existsSync(place)) mkdirSync(place, { recursive: true });
  // As the kubelet makes an emptyDir, and a claim with an fsGroup; a directory of the node is given to the agent.
  if (hostPath === undefined) chmodSync(place, 0o777);
  if (configMap === undefined) return place;
  const object = api.store('configmaps').get(namespace, configMap.name);
  if (object === undefined) return undefined;
  for (const { key, path } of configMap.items ?? []) {
    const content = object.data?.[key];
    if (content === undefined) return undefined;
    writeFileSync(join(place, path), content);
  }
  return place;
}
