/** What a cgroup's path says about the pod of the processes in it. */
export type CgroupPlace =
  | { readonly kind: 'pod'; readonly podUid: string }
  /** A place of the node's own, such as a system service or a user's session. */
  | { readonly kind: 'outside' }
  /** The root, as far as the reader can see. */
  | { readonly kind: 'root' }
  | { readonly kind: 'unclear'; readonly reason: string };

/** How one combination of kubelet and runtime lays pods out. */
interface Layout {
  /** What stands above a pod's own cgroup, from the root of the hierarchy. */
  readonly above: RegExp;
  /** The end of that: what is left of it where the reader stands in a pod's cgroup himself, and sees what differs. */
  readonly aboveFromInside: RegExp;
  /** The name of a pod's cgroup. */
  readonly pod: RegExp;
}

/**
 * A UUID, or the hash by which the kubelet names a static pod. A dash in the name of a systemd slice stands for a level,
 * so there it is written `_`; the oldest kubelets did not.
 */
const UID = String.raw`(?<uid>[0-9a-f]{8}(?<dash>[-_])[0-9a-f]{4}\k<dash>[0-9a-f]{4}\k<dash>[0-9a-f]{4}\k<dash>[0-9a-f]{12}|[0-9a-f]{32})`;

/** The container that is the node, where a cluster runs in containers: kind, minikube, k3d. Nobody but root makes one. */
const NODE = String.raw`(?:docker/[0-9a-f]{64}/|system\.slice/docker-[0-9a-f]{64}\.scope/|machine\.slice/libpod-[0-9a-f]{64}\.scope/(?:container/)?)?`;
const QOS = '(?:burstable|besteffort)';
const SLICE_OF_POD = String.raw`(?:kubelet-)?kubepods-(?:${QOS}-)?pod${UID}\.slice`;
const SLICE_OF_QOS = String.raw`(?:kubelet-)?kubepods-${QOS}\.slice`;

const LAYOUTS: readonly Layout[] = [
  // The cgroup driver `cgroupfs`.
  {
    above: whole(`${NODE}(?:kubelet/)?kubepods(?:/${QOS})?`),
    aboveFromInside: whole(`(?:${QOS})?`),
    pod: whole(`pod${UID}`),
  },
  // The cgroup driver `systemd`, in which the name of a slice repeats those above it.
  {
    above: whole(String.raw`${NODE}(?:kubelet\.slice/kubelet-)?kubepods\.slice(?:/${SLICE_OF_QOS})?`),
    aboveFromInside: whole(`(?:${SLICE_OF_QOS})?`),
    pod: whole(SLICE_OF_POD),
  },
  // A kubelet with the driver `systemd` over a containerd without: the name that was meant for systemd, as it was written.
  {
    above: whole(String.raw`${NODE}(?:system\.slice/containerd\.service)?`),
    aboveFromInside: whole(''),
    pod: whole(`${SLICE_OF_POD}:[a-z-]+:.+`),
  },
];

/** A name that only the kubelet gives, or somebody who wants to be taken for it. */
const KUBEPODS = /^(?:kubelet-)?kubepods(?:[.:-]|$)/;
const CONTAINER_ID = /[0-9a-f]{64}/;

/**
 * The pod that a path of `/proc/<pid>/cgroup` leads to. The path is the kernel's word, but names in it were chosen by
 * whoever made them: a user may call a cgroup in his session like a pod's, and a container one of its own. So a pod's
 * name counts only where the kubelet puts pods, where nobody but root can make a cgroup, and the outermost one counts.
 *
 * @param path absolute; it begins with `..` for what is outside the reader's cgroup namespace (cgroup_namespaces(7))
 */
export function podOfCgroup(path: string): CgroupPlace {
  const names = path.split('/').filter((name) => name !== '');
  const up = countLeading(names, '..');
  const below = names.slice(up);
  if (names.length === 0) return { kind: 'root' };
  const at = below.findIndex((name) => LAYOUTS.some(({ pod }) => pod.test(name)));
  return at === -1 ? placeWithoutPod(below, up) : placeOfPod(below, at, up);
}

function placeOfPod(names: readonly string[], at: number, up: number): CgroupPlace {
  const above = names.slice(0, at).join('/');
  const name = names[at] ?? '';
  // One step up is the agent's own pod: what is there was not named by the kubelet.
  const isKubelets = (layout: Layout): boolean =>
    layout.above.test(above) || (up > 1 && layout.aboveFromInside.test(above));
  const layout = LAYOUTS.find((each) => each.pod.test(name) && isKubelets(each));
  if (layout === undefined) return unclear('its cgroup is called like a pod where the kubelet puts none');
  const podUid = uidIn(name, layout);
  const inside = names.slice(at + 1);
  if (inside.length === 0 && !name.includes(':')) return unclear('its cgroup is the one of a pod and of no container');
  const others = inside.flatMap((each) => LAYOUTS.map((form) => uidIn(each, form)));
  if (others.some((uid) => uid !== undefined && uid !== podUid)) return unclear('its cgroup names two pods');
  return podUid === undefined ? unclear('its cgroup has no UID') : { kind: 'pod', podUid };
}

function placeWithoutPod(names: readonly string[], up: number): CgroupPlace {
  if (names.some((name) => KUBEPODS.test(name))) return unclear('its cgroup is among those of pods, and names none');
  const isSibling = up === 1 || (up > 1 && CONTAINER_ID.test(names[0] ?? ''));
  return isSibling ? unclear("it may be in the agent's own pod, whose UID the agent cannot see") : { kind: 'outside' };
}

/** The UID as Kubernetes writes it. */
function uidIn(name: string, { pod }: Layout): string | undefined {
  const { uid } = pod.exec(name)?.groups ?? {};
  return uid?.replaceAll('_', '-');
}

function countLeading(names: readonly string[], wanted: string): number {
  const end = names.findIndex((name) => name !== wanted);
  return end === -1 ? names.length : end;
}

function unclear(reason: string): CgroupPlace {
  return { kind: 'unclear', reason };
}

function whole(pattern: string): RegExp {
  return new RegExp(`^${pattern}$`);
}
