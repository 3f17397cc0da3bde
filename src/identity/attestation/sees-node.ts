import type { ProcessTable } from './process-table.ts';
import { toAttestation } from './to-attestation.ts';

/** The machine's first pid namespace has had this number since Linux 3.8 (PROC_PID_INIT_INO of linux/proc_ns.h). */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';

/**
 * Whether the processes of the node's pods are visible here. A pid namespace shows its own processes and those of the
 * namespaces made within: so it has to be the machine's first one, or, where the node is itself a container (kind, LXC),
 * one in which process 1 is the node's init. Without `hostPID` process 1 is of this container, or the pause process of
 * this pod.
 */
export function seesNode(processes: ProcessTable): boolean {
  if (processes.pidNamespace() === FIRST_PID_NAMESPACE) return true;
  const first = processes.cgroup(1);
  return first !== undefined && first !== processes.cgroup('self') && toAttestation(first).kind === 'no-pod';
}
