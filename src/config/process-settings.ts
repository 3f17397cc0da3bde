import { setting } from './setting.ts';
import { duration, text } from './value-kind.ts';

/** The schema of the section "process". */
export const processShape = {
  STATE_DIR: setting(
    text('the path of a directory'),
    './.sds-node-agent',
    'where the embedded CA and the development issuer keep their keys, mode 0700; workload keys are never written',
  ),
  DRAIN_TIMEOUT: setting(duration(0, 600_000), '5s', 'how long streams may take to end after a stop is asked for'),
};
