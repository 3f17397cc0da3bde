import type { z } from 'zod';
import { setting } from './setting.ts';
import type { LimitSettings } from './settings.ts';
import { wholeNumber } from './value-kind.ts';

const count = wholeNumber(1, 1_000_000);

/** The schema of the section "limits". */
export const limitsShape = {
  MAX_CONNECTIONS_PER_PEER: setting(
    count,
    '2000',
    'connections of one pod; where no pod is known, of one process. An Envoy with google_grpc has one for each secret',
  ),
  MAX_STREAMS_PER_PEER: setting(count, '4000', 'open streams and calls of one pod or process'),
  MAX_NEW_STREAMS_PER_SECOND: setting(
    count,
    '50',
    'streams and calls that one pod or process may open within a second, in the long run',
  ),
  MAX_NEW_STREAMS_BURST: setting(
    count,
    '4000',
    'how many it may open at once before that counts: an Envoy comes back with all of its streams',
  ),
  MAX_STREAMS_PER_IDENTITY: setting(count, '10000', 'open streams of one identity, from all pods that share it'),
};

type Values = z.output<z.ZodObject<typeof limitsShape>>;

export function toLimitSettings(values: Values): LimitSettings {
  return {
    connectionsPerPeer: values.MAX_CONNECTIONS_PER_PEER,
    streamsPerPeer: values.MAX_STREAMS_PER_PEER,
    newStreamsPerSecond: values.MAX_NEW_STREAMS_PER_SECOND,
    newStreamsBurst: values.MAX_NEW_STREAMS_BURST,
    streamsPerIdentity: values.MAX_STREAMS_PER_IDENTITY,
  };
}
