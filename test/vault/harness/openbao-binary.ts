const { BAO_BIN, OPENBAO_UNAVAILABLE } = process.env;

/** Why no OpenBao is there, where `scripts/test.mjs` has found out and said so; then tests are reported as skipped. */
export const WITHOUT_OPENBAO: string | false = OPENBAO_UNAVAILABLE ?? false;

/** The path of the real OpenBao. Without one, and without a reason, a test fails: nothing is skipped silently. */
export function openBaoBinary(): string {
  if (BAO_BIN === undefined)
    throw new Error('BAO_BIN is not set: run this test with `npm test`, which fetches OpenBao');
  return BAO_BIN;
}
