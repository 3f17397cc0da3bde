import { escapeControls } from '../telemetry/escape-controls.ts';
import { fetchStatus } from './admin-client.ts';
import { toAdminSocket } from './admin-socket.ts';
import type { Command } from './command.ts';
import { ExitCode } from './exit-code.ts';
import { toPaper } from './paper.ts';
import { parseArguments } from './parse-arguments.ts';
import { formatStatus } from './status-table.ts';

const HELP = `usage: sds-node-agent status [--json] [--admin-socket PATH]

Shows what the running agent holds: identities with their certificates, trust bundles, names that are asked for
and not served, and the health of the certificate authority.

  --json               the same as JSON, times in milliseconds since 1970
  --admin-socket PATH  the agent's admin socket  [ADMIN_SOCKET, /var/run/sds-admin/admin.sock]

Colour on a terminal only; none where NO_COLOR is set. Exit status 69 when no agent answers.

example
  sds-node-agent status --json | jq -r '.identities[] | select(.state == "stale") | .spiffeId'
`;

/** `status`: what the running agent holds, as a table or as JSON. */
export const status: Command = {
  name: 'status',
  summary: 'show identities, certificates, bundles and the health of the CA',
  help: HELP,
  async run(argv, io) {
    const flags = parseArguments(argv, { texts: ['admin-socket'], switches: ['json'] });
    const report = await fetchStatus(toAdminSocket(flags.text('admin-socket'), io.env), io.signal);
    // A name that an Envoy made up must not drive the terminal, also not out of JSON.
    if (flags.has('json'))
      io.stdout.write(`${JSON.stringify(report, null, 2).split('\n').map(escapeControls).join('\n')}\n`);
    else io.stdout.write(formatStatus(report, toPaper(io)));
    return ExitCode.ok;
  },
};
