import { setFlagsFromString } from 'node:v8';

/**
 * Sets V8 up for an agent's work: long idleness, then a storm of streams that come once and stay.
 * Is to be called before anything large is loaded, because a young generation that has grown does not shrink.
 * What each setting brings is in `docs/adr/0008-v8-settings.md`.
 */
export function tuneEngine(): void {
  // What Envoy sends lies in buffers outside of V8's heap, which count for nothing until a collection. A young
  // generation that stays at its first size is collected often and cheaply, and frees them. One that grows is
  // hardly collected: then the buffers pile up until V8 marks the whole heap, again and again in one storm.
  setFlagsFromString('--semi-space-growth-factor=1');
  // Optimise later than V8 would: in a storm of a second the compiler's threads take more than they give back.
  setFlagsFromString('--interrupt-budget=500000');
}
