import { type EnvoyObject, type EnvoyValue, typed } from '../envoy-bootstrap/document.ts';
import type { Draft } from './draft.ts';
import { isObject } from './scope.ts';

const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** How HTTP is spoken to a cluster: six fields of v2 became one extension. */
export function migrateHttpProtocolOptions(draft: Draft): void {
  const extensions = draft.get('typed_extension_protocol_options');
  // Envoy takes the old fields or the new one; then these stay, with the deprecation warning they have now.
  if (isObject(extensions) && OPTIONS in extensions) return;
  const http1 = draft.take('http_protocol_options');
  const http2 = draft.take('http2_protocol_options');
  const common = toCommon(draft.take('common_http_protocol_options'), draft.take('max_requests_per_connection'));
  const upstream = draft.take('upstream_http_protocol_options');
  const useDownstream = draft.take('protocol_selection') === 'USE_DOWNSTREAM_PROTOCOL';
  if ([http1, http2, common, upstream].every((part) => part === undefined) && !useDownstream) return;
  const both: EnvoyObject = {
    ...(http1 === undefined ? {} : { http_protocol_options: http1 }),
    ...(http2 === undefined ? {} : { http2_protocol_options: http2 }),
  };
  const one: EnvoyObject =
    http2 === undefined ? { http_protocol_options: http1 ?? {} } : { http2_protocol_options: http2 };
  draft.set('typed_extension_protocol_options', {
    ...(isObject(extensions) ? extensions : {}),
    [OPTIONS]: typed(OPTIONS, {
      ...(common === undefined ? {} : { common_http_protocol_options: common }),
      ...(upstream === undefined ? {} : { upstream_http_protocol_options: upstream }),
      ...(useDownstream ? { use_downstream_protocol_config: both } : { explicit_http_config: one }),
    }),
  });
}

function toCommon(common: EnvoyValue | undefined, most: EnvoyValue | undefined): EnvoyObject | undefined {
  if (common === undefined && most === undefined) return undefined;
  return {
    ...(isObject(common) ? common : {}),
    ...(most === undefined ? {} : { max_requests_per_connection: most }),
  };
}
