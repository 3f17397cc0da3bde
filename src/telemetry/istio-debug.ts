import { toIsoTime } from '../core/calendar.ts';
import type { ServedResource } from '../core/status-report.ts';

/**
 * What Istio's node agent shows at `/debug/sds/workload`, in its names (istio 1.4, security/pkg/nodeagent/sds/debug.go):
 * certificates in PEM, times in RFC 3339. No keys.
 */
export function toIstioDebug(served: readonly ServedResource[]): object {
  return {
    clients: served.map((resource) => ({
      connection_id: `${resource.proxy}-${resource.connectionId}`,
      proxy: resource.proxy,
      resource_name: resource.resourceName,
      certificate_chain: resource.certificateChainPem ?? '',
      root_cert: resource.rootCertPem ?? '',
      created_time: resource.createdMs === undefined ? '' : toIsoTime(resource.createdMs),
      expire_time: toIsoTime(resource.expiresMs),
    })),
  };
}
