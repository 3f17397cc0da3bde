import { parseArgs } from 'node:util';
import { parseDuration } from '../src/config/duration.ts';
import { DEMO_CA_NAMES, type DemoCaName } from './authorities/demo-ca.ts';

/** What the demo is asked to do. */
export interface DemoOptions {
  /** How long; undefined is until it is interrupted. */
  readonly forMs: number | undefined;
  /** The lifetime of a certificate, as the agent's `SECRET_TTL` takes it. */
  readonly ttl: string;
  /** Who signs. */
  readonly ca: DemoCaName;
  /** Where configurations and logs are left; undefined is nowhere. */
  readonly keep: string | undefined;
}

export const DEMO_HELP = `usage: npm run demo -- [--for DURATION] [--ttl DURATION] [--ca NAME] [--keep DIR]

Starts the agent and two real Envoys, a client's and a server's sidecar, and sends requests
through them, each over a new mutual TLS connection, while the agent rotates their certificates.

  --for DURATION   end by itself, for example after 40s  [until Ctrl-C]
  --ttl DURATION   lifetime of a certificate; it is renewed after about half of it  [1m]
  --ca NAME        who signs: embedded; citadel, with \`sds-node-agent ca\` in a process of its own; vault, with a real
                   OpenBao  [embedded]
  --keep DIR       leave configurations and logs there

Ends with exit status 1 when a request has failed, or when no certificate was rotated in the time of --for.
`;

/** Reads the command line; undefined when help is asked for. Throws an error that names the flag. */
export function parseDemoOptions(argv: readonly string[]): DemoOptions | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      for: { type: 'string' },
      ttl: { type: 'string', default: '1m' },
      ca: { type: 'string', default: 'embedded' },
      keep: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  toMs('ttl', values.ttl);
  return {
    forMs: values.for === undefined ? undefined : toMs('for', values.for),
    ttl: values.ttl,
    ca: toCaName(values.ca),
    keep: values.keep,
  };
}

function toMs(flag: string, text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0)
    throw new Error(`--${flag} is ${JSON.stringify(text)}: it must be like 40s or 1m30s`);
  return ms;
}

function toCaName(text: string): DemoCaName {
  const name = DEMO_CA_NAMES.find((known) => known === text);
  if (name === undefined) throw new Error(`--ca is ${JSON.stringify(text)}: it must be ${DEMO_CA_NAMES.join(', ')}`);
  return name;
}
