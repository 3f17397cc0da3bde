import type { EnvoyObject } from '../envoy-bootstrap/document.ts';
import { migrateGrpcService } from './config-source.ts';
import { Draft } from './draft.ts';
import { type ConfigRules, migrateExtension } from './extension.ts';
import type { Scope } from './scope.ts';
import { migrateHeaderMatcher } from './string-matcher.ts';

const LOGGERS = 'envoy.extensions.access_loggers';

const RULES: ConfigRules = {
  [`${LOGGERS}.file.v3.FileAccessLog`]: migrateFile,
  [`${LOGGERS}.grpc.v3.HttpGrpcAccessLogConfig`]: migrateGrpc,
  [`${LOGGERS}.grpc.v3.TcpGrpcAccessLogConfig`]: migrateGrpc,
};

/** `AccessLog`. One that Envoy 1.40 does not know is left out: no access depends on it. */
export function migrateAccessLog(message: EnvoyObject, scope: Scope): EnvoyObject | undefined {
  const draft = new Draft(message, scope);
  draft.object('filter', migrateFilter);
  return migrateExtension(draft.toObject(), 'access logger', scope, RULES);
}

function migrateFilter(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  for (const several of ['and_filter', 'or_filter']) {
    draft.within(several, (inner) => inner.list('filters', migrateFilter));
  }
  draft.within('header_filter', (inner) => inner.object('header', migrateHeaderMatcher));
  return draft.toObject();
}

function migrateFile(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  const format = draft.take('format');
  if (format !== undefined) draft.set('log_format', { text_format_source: { inline_string: format } });
  for (const json of ['json_format', 'typed_json_format']) {
    const fields = draft.take(json);
    if (fields !== undefined) draft.set('log_format', { json_format: fields });
  }
  return draft.toObject();
}

function migrateGrpc(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.within('common_config', (inner) => {
    inner.object('grpc_service', migrateGrpcService);
    inner.set('transport_api_version', 'V3');
  });
  return draft.toObject();
}
