/**
 * What the package exports: the vocabulary of a CA module (`CUSTOM_CA_MODULE`). The one file that only exports what
 * others hold, because a package needs a front door; inside of it everything is imported from where it is.
 */
export type { CustomCaFactory, CustomCaSettings } from './ca-providers/custom/custom-ca-settings.ts';
export { AgentError, type AgentErrorDetails, type ErrorCode, quoteUntrusted } from './core/agent-error.ts';
export type { CaProvider, DerCertificates, SignRequest } from './core/ca-provider.ts';
export type { Token } from './core/caller.ts';
export type { Log, LogFields } from './core/log.ts';
export { Redacted } from './core/redacted.ts';
export type { SpiffeId } from './core/spiffe-id.ts';
export { parsePem } from './keys/pem.ts';
