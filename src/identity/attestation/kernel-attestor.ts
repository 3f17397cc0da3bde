import type { AcceptedProcess, Attestation, PeerAttestor } from '../../core/peer-attestor.ts';
import type { ProcessTable } from './process-table.ts';
import { toAttestation } from './to-attestation.ts';

/** What so many texts say is remembered: the cgroups of a node with more pods than a kubelet allows. */
const MOST_KNOWN = 1_000;
const LONGEST_KNOWN = 4 * 1024;

const GONE = unknown('its process is gone');

/**
 * Finds the pod of a process by its cgroup, which the kubelet chose and the process cannot leave.
 *
 * Between connecting and being looked at the process may end, and another one be given its pid. A pidfd tells: as long
 * as its process exists, the pid is that process's. Without one (before Linux 6.5) the process has to have been there
 * when the connection was accepted, and to be the same after its cgroup was read as before, by its start time; a pid
 * that changed hands before the connection was accepted is then not noticed.
 *
 * `/proc/<pid>/mountinfo` is not asked: a process arranges the mounts that it shows itself.
 */
export class KernelAttestor implements PeerAttestor {
  readonly #processes: ProcessTable;
  /** By the text of a cgroup file: an Envoy may open a connection for each secret. */
  readonly #known = new Map<string, Attestation>();

  constructor(processes: ProcessTable) {
    this.#processes = processes;
  }

  attest({ pid, pidfd }: AcceptedProcess): Attestation {
    if (pid === 0) return unknown('the agent cannot see its process: it needs hostPID');
    if (pidfd === 'refused') return GONE;
    const isStillThere = pidfd === 'unsupported' ? this.#byStartTime(pid) : this.#byDescriptor(pid, pidfd);
    const cgroup = this.#processes.cgroup(pid);
    if (!isStillThere()) return GONE;
    if (cgroup === undefined) return unknown('/proc does not show its process: is it mounted with hidepid?');
    return this.#understand(cgroup);
  }

  #understand(cgroup: string): Attestation {
    const known = this.#known.get(cgroup);
    if (known !== undefined) return known;
    const understood = toAttestation(cgroup);
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    if (cgroup.length <= LONGEST_KNOWN) this.#known.set(cgroup, understood);
    return understood;
  }

  #byDescriptor(pid: number, pidfd: number): () => boolean {
    return () => this.#processes.pidOfDescriptor(pidfd) === pid;
  }

  #byStartTime(pid: number): () => boolean {
    const nowTicks = this.#processes.nowTicks();
    const startTicks = this.#processes.startTicks(pid);
    return () =>
      nowTicks !== undefined &&
      startTicks !== undefined &&
      startTicks <= nowTicks &&
      this.#processes.startTicks(pid) === startTicks;
  }
}

function unknown(reason: string): Attestation {
  return { kind: 'unknown', reason };
}
