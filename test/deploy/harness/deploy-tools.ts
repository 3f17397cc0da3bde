const {
  HELM_UNAVAILABLE,
  KUBECTL_BIN,
  KUBECTL_UNAVAILABLE,
  KUBERNETES_SCHEMAS,
  KUBERNETES_SCHEMAS_UNAVAILABLE,
  HADOLINT_BIN,
  HADOLINT_UNAVAILABLE,
} = process.env;

/** Why a tool is not there, where `scripts/test.mjs` has found out and said so; then tests are reported as skipped. */
export const WITHOUT_HELM: string | false = HELM_UNAVAILABLE ?? false;
export const WITHOUT_KUBECTL: string | false = KUBECTL_UNAVAILABLE ?? false;
export const WITHOUT_SCHEMAS: string | false = KUBERNETES_SCHEMAS_UNAVAILABLE ?? false;
export const WITHOUT_HADOLINT: string | false = HADOLINT_UNAVAILABLE ?? false;

/** Paths of the tools. Without one, and without a reason, a test fails: nothing is skipped silently. */
export const kubectlBinary = (): string => required('KUBECTL_BIN', KUBECTL_BIN);
export const schemasFolder = (): string => required('KUBERNETES_SCHEMAS', KUBERNETES_SCHEMAS);
export const hadolintBinary = (): string => required('HADOLINT_BIN', HADOLINT_BIN);

function required(variable: string, path: string | undefined): string {
  if (path === undefined) throw new Error(`${variable} is not set: run this test with \`npm test\`, which fetches it`);
  return path;
}
