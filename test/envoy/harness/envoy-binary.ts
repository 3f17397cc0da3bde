const { ENVOY_BIN, ENVOY_UNAVAILABLE } = process.env;

/** Why no Envoy is there, where `scripts/test.mjs` has found out and said so; then tests are reported as skipped. */
export const WITHOUT_ENVOY: string | false = ENVOY_UNAVAILABLE ?? false;

/** The path of the real Envoy. Without one, and without a reason, a test fails: nothing is skipped silently. */
export function envoyBinary(): string {
  if (ENVOY_BIN === undefined)
    throw new Error('ENVOY_BIN is not set: run this test with `npm test`, which fetches Envoy');
  return ENVOY_BIN;
}
