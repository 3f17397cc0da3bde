const HOUR_MS = 60 * 60 * 1000;

/** How long a key signs. */
const SIGNING_MS = 7 * 24 * HOUR_MS;
/** How long before it signs a key is published: validators elsewhere may look at a bundle now and then only. */
const AHEAD_MS = 24 * HOUR_MS;
/** No token lives longer, whatever is asked for … */
export const LONGEST_JWT_MS = HOUR_MS;
/** … so a key that signs no more is needed no longer than this, with a margin for clocks that differ. */
const NEEDED_MS = 2 * LONGEST_JWT_MS;

interface Scheduled {
  readonly signsFromMs: number;
}

/** The keys in the order in which they sign; never empty. */
export type Schedule<Key extends Scheduled> = readonly [Key, ...Key[]];

/** The key that signs now. Before the first one's time, when the clock was set back, that is the first. */
export function signingKey<Key extends Scheduled>([first, ...later]: Schedule<Key>, nowMs: number): Key {
  return later.findLast(({ signsFromMs }) => signsFromMs <= nowMs) ?? first;
}

/** From when on the key that has to be made now would sign; undefined while none is due. */
export function nextKeyFrom(keys: Schedule<Scheduled>, nowMs: number): number | undefined {
  const endMs = (keys.at(-1) ?? keys[0]).signsFromMs + SIGNING_MS;
  return nowMs >= endMs - AHEAD_MS ? Math.max(endMs, nowMs + AHEAD_MS) : undefined;
}

/** Without the keys that verify no token any more. */
export function stillNeeded<Key extends Scheduled>(keys: Schedule<Key>, nowMs: number): Schedule<Key> {
  const [, second, ...later] = keys;
  const isOver = second !== undefined && second.signsFromMs + NEEDED_MS <= nowMs;
  return isOver ? stillNeeded([second, ...later], nowMs) : keys;
}
