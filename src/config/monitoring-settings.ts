import { isIP } from 'node:net';
import type { z } from 'zod';
import { setting } from './setting.ts';
import type { LogSettings, MonitoringSettings } from './settings.ts';
import { kindOf, oneOf, orEmpty, wholeNumber } from './value-kind.ts';

const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

const address = kindOf('an IP address or a host name', (given) => {
  const looksNumeric = /^[\d.]+$/.test(given);
  return isIP(given) !== 0 || (!looksNumeric && HOST_NAME.test(given)) ? given : undefined;
});

const port = orEmpty(wholeNumber(0, 65_535), 'off');

/** The schema of the section "monitoring and logs". */
export const monitoringShape = {
  MONITORING_ADDRESS: setting(address, '0.0.0.0', 'the address that MONITORING_PORT is opened on'),
  MONITORING_PORT: setting(
    port,
    '15014',
    'the port of `/metrics` and `/healthz`; 0 is any free port, named in the log',
  ),
  DEBUG_PORT: setting(
    port,
    '8080',
    'the port of the status page and `/debug`, on loopback only; 0 is any free port, named in the log',
  ),
  LOG_LEVEL: setting(oneOf('debug', 'info', 'warn', 'error'), 'info', 'the least that is logged'),
  LOG_FORMAT: setting(
    orEmpty(oneOf('json', 'text'), '`text` on a terminal, else `json`'),
    '',
    'how events are written',
  ),
};

type Values = z.output<z.ZodObject<typeof monitoringShape>>;

export function toMonitoringSettings(values: Values): MonitoringSettings {
  return { address: values.MONITORING_ADDRESS, port: values.MONITORING_PORT, debugPort: values.DEBUG_PORT };
}

export function toLogSettings(values: Values): LogSettings {
  return { level: values.LOG_LEVEL, format: values.LOG_FORMAT };
}
