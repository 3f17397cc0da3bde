import { type EnvoyObject, type EnvoyValue, typed } from '../envoy-bootstrap/document.ts';
import { Draft, type Migrate } from './draft.ts';
import { type ConfigRules, migrateExtension } from './extension.ts';
import { isList, type Scope } from './scope.ts';
import { fromAgent, migrateSecretConfig } from './secret-source.ts';
import { migrateSubjectAltNames, passesNoSpiffeId } from './subject-alt-names.ts';
import { digText } from './walk.ts';

const TLS = 'envoy.extensions.transport_sockets.tls.v3';

const RULES: ConfigRules = {
  [`${TLS}.UpstreamTlsContext`]: migrateTlsContext,
  [`${TLS}.DownstreamTlsContext`]: migrateTlsContext,
};

/** Which end of a connection a TLS context is for. */
export type Side = 'Upstream' | 'Downstream';

/**
 * The `tls_context` that v2 clusters and filter chains had, as the transport socket that took its place; and the
 * transport socket itself, where there is one already.
 */
export function migrateTransportSocket(draft: Draft, side: Side): void {
  const place = side === 'Upstream' ? 'upstream transport socket' : 'downstream transport socket';
  const context = draft.take('tls_context');
  draft.object('transport_socket', (socket, scope) => {
    // Without one the connection would be in plaintext. With this one, Envoy refuses the whole configuration.
    return migrateExtension(socket, place, scope, RULES, 'it was kept, and Envoy refuses it') ?? socket;
  });
  if (context === undefined) return;
  const scope = draft.scope.at('tls_context');
  if (draft.get('transport_socket') !== undefined) {
    scope.notCarriedOver('tls_context', 'there is a transport_socket too, and Envoy has always taken that one');
    return;
  }
  const migrated = migrateTlsContext(scope.object(context), scope);
  draft.set('transport_socket', {
    name: 'envoy.transport_sockets.tls',
    typed_config: typed(`${TLS}.${side}TlsContext`, migrated),
  });
}

/** `UpstreamTlsContext` and `DownstreamTlsContext`. */
export function migrateTlsContext(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.object('common_tls_context', migrateCommon);
  draft.drop(
    'session_ticket_keys_sds_secret_config',
    'the agent has no session ticket keys: it was left out, and Envoy makes its own',
  );
  return draft.toObject();
}

function migrateCommon(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.list('tls_certificate_sds_secret_configs', (secret, at) => migrateSecretConfig('certificate', secret, at));
  migrateCertificates(draft);
  draft.object('validation_context_sds_secret_config', (secret, at) => migrateSecretConfig('bundle', secret, at));
  draft.within('combined_validation_context', (inner) => {
    inner.object('default_validation_context', migrateValidationContext);
    inner.object('validation_context_sds_secret_config', (secret, there) => {
      warnOfPins(inner.get('default_validation_context'), inner.scope);
      return migrateSecretConfig('bundle', secret, there);
    });
  });
  migrateTrust(draft);
  const migrated = draft.toObject();
  scope.findings.tlsContexts.add(migrated);
  return migrated;
}

/** Certificate files of the workload become `default`; Envoy takes files or SDS in one context, not both. */
function migrateCertificates(draft: Draft): void {
  const certificates = draft.get('tls_certificates');
  if (certificates === undefined) return;
  const scope = draft.scope.at('tls_certificates');
  const files = scope.list(certificates).map((one) => digText(one, 'certificate_chain', 'filename'));
  const strangers = files.filter((file) => file === undefined || !scope.plan.certificateFiles.has(file));
  if (files.length === 0) return;
  if (strangers.length > 0 || draft.get('tls_certificate_sds_secret_configs') !== undefined) {
    scope.notCarriedOver(
      strangers.map((file) => file ?? 'an inline certificate').join(', ') || 'files beside SDS',
      'kept as it is: it is not known to be the certificate of the workload; --certificate FILE says that it is',
    );
    return;
  }
  if (scope.list(certificates).some((one) => digText(one, 'ocsp_staple', 'filename') !== undefined)) {
    scope.notCarriedOver('ocsp_staple', 'certificates of the agent have no OCSP staple');
  }
  draft.rename('tls_certificates', 'tls_certificate_sds_secret_configs');
  draft.set('tls_certificate_sds_secret_configs', [fromAgent('certificate', scope)]);
}

/** The workload's roots from a file become `ROOTCA`; whatever else decides about a peer stays beside them. */
function migrateTrust(draft: Draft): void {
  draft.object('validation_context', migrateValidationContext);
  const context = draft.get('validation_context');
  if (context === undefined) return;
  const scope = draft.scope.at('validation_context');
  const rest = new Draft(scope.object(context), scope);
  const trusted = rest.take('trusted_ca');
  const file = digText(trusted, 'filename');
  if (rest.get('custom_validator_config') !== undefined) {
    scope.notCarriedOver(
      'custom_validator_config',
      'kept with the roots it has: the agent serves such a validator as ALL',
    );
    return;
  }
  if (trusted === undefined) return;
  if (file === undefined || !scope.plan.caFiles.has(file)) {
    scope.notCarriedOver(
      file ?? 'an inline trusted_ca',
      'kept as it is: these are not known to be the roots of the workload; --ca FILE says that they are',
    );
    return;
  }
  const secret = fromAgent('bundle', scope);
  const others = rest.toObject();
  warnOfPins(others, scope);
  if (Object.keys(others).length === 0) {
    draft.rename('validation_context', 'validation_context_sds_secret_config');
    draft.set('validation_context_sds_secret_config', secret);
    return;
  }
  draft.rename('validation_context', 'combined_validation_context');
  draft.set('combined_validation_context', {
    default_validation_context: others,
    validation_context_sds_secret_config: secret,
  });
}

/** `CertificateValidationContext`. */
export const migrateValidationContext: Migrate = (message, scope) => {
  const draft = new Draft(message, scope);
  migrateSubjectAltNames(draft);
  for (const gone of ['require_ocsp_staple', 'require_signed_certificate_timestamp']) {
    if (draft.take(gone) === true) {
      scope.notCarriedOver(gone, 'no version of Envoy has ever looked at it');
    }
  }
  return draft.toObject();
};

/** Checks that a certificate of the agent cannot pass: they stay, so that what was refused is refused. */
function warnOfPins(context: EnvoyValue | undefined, scope: Scope): void {
  if (passesNoSpiffeId(context)) {
    scope.notCarriedOver(
      'the names of the peer',
      'kept, and accept nobody: certificates of the agent have a SPIFFE ID and no other name; name that',
    );
  }
  for (const pin of ['verify_certificate_hash', 'verify_certificate_spki']) {
    const value = digList(context, pin);
    if (value.length > 0) {
      scope.notCarriedOver(
        pin,
        'kept, and accepts nobody: a peer with a certificate from the agent has a new key every time; take it out and name SPIFFE IDs',
      );
    }
  }
  const crl = digText(context, 'crl', 'filename');
  if (crl !== undefined) {
    scope.notCarriedOver(
      crl,
      'the CRL was kept, and accepts nobody whose CA is not in it; take it out if the new CA publishes none',
    );
  }
}

function digList(context: EnvoyValue | undefined, name: string): readonly EnvoyValue[] {
  const value = typeof context === 'object' && !isList(context) ? context[name] : undefined;
  if (value === undefined) return [];
  return isList(value) ? value : [value];
}
