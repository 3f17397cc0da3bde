import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Attestation } from '../../src/core/peer-attestor.ts';

/** Tests run in the repository's root. */
const DIRECTORY = join(process.cwd(), 'test/vectors/cgroups');

const pod = (podUid: string): Attestation => ({ kind: 'pod', podUid });
const unknown = (reason: string): Attestation => ({ kind: 'unknown', reason });
const NO_POD: Attestation = { kind: 'no-pod' };
const OWN_POD = unknown("it may be in the agent's own pod, whose UID the agent cannot see");
const MISPLACED = unknown('its cgroup is called like a pod where the kubelet puts none');
const NAMELESS = unknown('its cgroup is among those of pods, and names none');
const ROOT = unknown('its cgroup is the root of what the agent can see');

/**
 * Texts of `/proc/<pid>/cgroup`, and what they say. Named by runtime, cgroup driver, version and class of service, as
 * they were seen on nodes and reported in public issues and tests of SPIRE, Coroot, Falco and OpenTelemetry; those that
 * begin with `private-cgroupns` are what an agent in a cgroup namespace of its own sees of others. `fooled` are made up
 * by somebody who wants to be taken for a pod.
 */
export const EXPECTED: Readonly<Record<string, Attestation>> = {
  'containerd-cgroupfs-v1-guaranteed': pod('c9eee628-98de-4c1c-8da3-b1c2bd380aab'),
  'containerd-mixed-drivers-v1-besteffort': pod('b41662f7-b03a-4c65-8ef9-6e4e55c3cf27'),
  'containerd-systemd-v2-burstable': pod('bd445127-8720-434d-b38c-d308e9ff9b59'),
  'containerd-systemd-v2-guaranteed': pod('6f0b5d1e-3c2a-4d7f-9b8e-1a2b3c4d5e6f'),
  'crio-systemd-v1-besteffort': pod('a2830d0d-b0f0-4ff0-81b5-0ee4e299cf80'),
  'crio-systemd-v2-burstable-crun': pod('bd445127-8720-434d-b38c-d308e9ff9b59'),
  'docker-cgroupfs-v1-burstable': pod('2c48913c-b29f-11e7-9350-020968147796'),
  'docker-systemd-v1-besteffort': pod('169fbc47-41d0-4df5-be62-6b231010b6c4'),
  'docker-systemd-v1-burstable-dashes': pod('2c48913c-b29f-11e7-9350-020968147796'),
  'k3s-mixed-drivers-v2-burstable': pod('57e67067-89e4-4001-bdd4-8632d39ea02b'),
  'kind-cgroupfs-v2-besteffort': pod('0599875a-ef2c-4d42-a648-51541e8a0110'),
  'kind-docker-cgroupfs-v1-besteffort': pod('daa5c7ee-3484-4533-af39-3591564fd03e'),
  'kind-docker-cgroupfs-v1-nested-kubelet': pod('7165a37d-fa49-4f53-b8f1-5793f523e617'),
  'kind-docker-desktop-hybrid-besteffort': pod('a2830d0d-b0f0-4ff0-81b5-0ee4e299cf80'),
  'kind-docker-systemd-v2-from-the-host': pod('506a980e-4d84-43bf-9c8f-c8811e541ce2'),
  'kind-podman-systemd-v2-from-the-host': pod('6eab3b7b-f0a6-4bb8-bff2-d5bc9017c04b'),
  'kind-systemd-v2-besteffort': pod('0c52bc54-389c-4774-9356-d4ef412ed32e'),
  'kind-systemd-v2-guaranteed': pod('00000000-1111-2222-3333-444444444444'),
  'static-pod-cgroupfs-v1': pod('99dcb84d2a34f7e338778606703258c4'),
  'static-pod-kind-systemd-v2': pod('99dcb84d2a34f7e338778606703258c4'),

  'private-cgroupns-agent-in-docker': pod('6f0b5d1e-3c2a-4d7f-9b8e-1a2b3c4d5e6f'),
  'private-cgroupns-cgroupfs-v2-burstable': pod('bd445127-8720-434d-b38c-d308e9ff9b59'),
  'private-cgroupns-cgroupfs-v2-guaranteed': pod('c9eee628-98de-4c1c-8da3-b1c2bd380aab'),
  'private-cgroupns-cgroupfs-v2-same-qos': pod('dfd874dc-ab52-4793-af47-d06b78b68337'),
  'private-cgroupns-systemd-v2-other-qos': pod('bd445127-8720-434d-b38c-d308e9ff9b59'),
  'private-cgroupns-systemd-v2-same-qos': pod('00000000-1111-2222-3333-444444444444'),
  'private-cgroupns-init': NO_POD,
  'private-cgroupns-kubelet': NO_POD,
  'private-cgroupns-own-container': ROOT,
  'private-cgroupns-own-pod-cgroupfs-v2': OWN_POD,
  'private-cgroupns-own-pod-crun': OWN_POD,

  'node-crio-conmon-v1': NO_POD,
  'node-docker-container-v1': NO_POD,
  'node-root-v1': ROOT,
  'node-systemd-v1-service': NO_POD,
  'node-systemd-v2-user-session': NO_POD,

  'nested-container-in-a-pod': pod('bd445127-8720-434d-b38c-d308e9ff9b59'),
  'nested-container-in-private-cgroupns': pod('bd445127-8720-434d-b38c-d308e9ff9b59'),

  'fooled-colons-in-a-name': MISPLACED,
  'fooled-hierarchies-disagree': unknown('its cgroups name several pods'),
  'fooled-mixed-dashes': NAMELESS,
  'fooled-nested-cluster-in-a-pod': unknown('its cgroup names two pods'),
  'fooled-pod-cgroup-itself': unknown('its cgroup is the one of a pod and of no container'),
  'fooled-rootless-docker': MISPLACED,
  'fooled-short-uid': NAMELESS,
  'fooled-sibling-in-the-agents-pod': MISPLACED,
  'fooled-slice-under-cgroupfs': MISPLACED,
  'fooled-user-session-seen-from-a-pod': MISPLACED,
  'fooled-user-session-slice': MISPLACED,
  'fooled-user-session-whole-tree': MISPLACED,
};

/** The names of the committed vectors. */
export function cgroupVectorNames(): string[] {
  return readdirSync(DIRECTORY)
    .map((file) => file.slice(0, -'.txt'.length))
    .sort();
}

export function loadCgroupVector(name: string): string {
  return readFileSync(join(DIRECTORY, `${name}.txt`), 'utf8');
}
