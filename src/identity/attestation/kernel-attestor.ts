import type { AcceptedProcess, Attestation, PeerAttestor } from '../../core/peer-attestor.ts';
import type { ProcessTable } from './process-table.ts';
import { toAttestation } from './to-attestation.ts';

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
    return toAttestation(cgroup);
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
