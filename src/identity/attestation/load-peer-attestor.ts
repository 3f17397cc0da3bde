import type { Log } from '../../core/log.ts';
import type { PeerAttestor } from '../../core/peer-attestor.ts';
import { KernelAttestor } from './kernel-attestor.ts';
import { ProcessTable } from './process-table.ts';
import { seesNode } from './sees-node.ts';

/** The attestor that asks the kernel. Says once when that is going to know nobody, and what to do. */
export function loadPeerAttestor(
  mode: 'warn' | 'enforce',
  log: Log,
  processes: ProcessTable = new ProcessTable(),
): PeerAttestor {
  if (!seesNode(processes)) {
    log[mode === 'enforce' ? 'error' : 'warn']('the agent cannot see which process is in which pod', {
      consequence: mode === 'enforce' ? 'nobody is served' : 'PEER_ATTESTATION tells nothing',
      remedy: 'set hostPID: true for the pod of the agent, or PEER_ATTESTATION=off',
    });
  }
  return new KernelAttestor(processes);
}
