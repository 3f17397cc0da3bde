import type { EnvoyObject } from '../envoy-bootstrap/document.ts';
import { Draft } from './draft.ts';
import type { Scope } from './scope.ts';
import { migrateValidationContext } from './tls-context.ts';

/** `Secret`, one that stands in the configuration itself, or in a file beside it. */
export function migrateSecret(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.object('validation_context', migrateValidationContext);
  return draft.toObject();
}
