import { AgentError } from '../core/agent-error.ts';
import { parseSpiffeId } from '../core/spiffe-id.ts';
import type { RotateEvent, RotateTarget } from '../telemetry/admin-server.ts';
import { escapeControls } from '../telemetry/escape-controls.ts';
import { rotate as askToRotate } from './admin-client.ts';
import { toAdminSocket } from './admin-socket.ts';
import type { Command, CommandIo } from './command.ts';
import { ExitCode } from './exit-code.ts';
import { parseArguments } from './parse-arguments.ts';

const HELP = `usage: sds-node-agent rotate [--identity SPIFFE_ID | --all | --root] [--json] [--admin-socket PATH]

Has the running agent renew now, whether or not it is time, and returns when the new certificates have been
published to the Envoys.

  --identity SPIFFE_ID  one identity's certificate
  --all                 every certificate; what is done when nothing is said
  --root                the embedded CA's root: the new one is staged beside the old one, certificates are renewed
                        under it, the old one retires; returns when it is gone
  --json                each event as a line of JSON
  --admin-socket PATH   the agent's admin socket  [ADMIN_SOCKET, /var/run/sds-admin/admin.sock]

Progress goes to stderr. Exit status 64 when the flags are not understood, 69 when no agent answers or it could not
renew; the certificates that were there are then still served.

example
  sds-node-agent rotate --identity spiffe://cluster.local/ns/shop/sa/web
`;

/** `rotate`: renews now. */
export const rotate: Command = {
  name: 'rotate',
  summary: 'renew certificates, or replace the embedded root, now',
  help: HELP,
  async run(argv, io) {
    const flags = parseArguments(argv, { texts: ['admin-socket', 'identity'], switches: ['all', 'root', 'json'] });
    const target = toTarget(flags.text('identity'), flags.has('all'), flags.has('root'));
    const events = askToRotate(toAdminSocket(flags.text('admin-socket'), io.env), target, io.signal);
    let exitCode: number = ExitCode.ok;
    for await (const event of events) {
      if (flags.has('json')) io.stdout.write(`${escapeControls(JSON.stringify(event))}\n`);
      else show(event, target, io);
      if ('error' in event) exitCode = toExitCode(event.error.code);
    }
    return exitCode;
  },
};

function toTarget(identity: string | undefined, all: boolean, root: boolean): RotateTarget {
  if (Number(identity !== undefined) + Number(all) + Number(root) > 1) {
    throw new AgentError('settings-invalid', 'say one of --identity, --all and --root');
  }
  if (root) return 'root';
  if (identity === undefined) return 'all';
  try {
    return { identity: parseSpiffeId(identity) };
  } catch (cause) {
    throw new AgentError('settings-invalid', `--identity: ${cause instanceof Error ? cause.message : ''}`, { cause });
  }
}

function show(event: RotateEvent, target: RotateTarget, { stdout, stderr }: CommandIo): void {
  if ('progress' in event) stderr.write(`${escapeControls(event.progress)}\n`);
  else if ('error' in event) stderr.write(`rotate: ${escapeControls(event.error.message)} (${event.error.code})\n`);
  else if (target === 'root') stdout.write('the root has been replaced\n');
  else if (event.rotated.length === 0) stdout.write('there was no certificate to renew\n');
  else for (const id of event.rotated) stdout.write(`renewed ${escapeControls(id)}\n`);
}

/** The agent's own mistake is told apart from what it could not help. */
function toExitCode(code: string): number {
  if (code === 'internal') return ExitCode.software;
  return code === 'settings-invalid' || code === 'request-invalid' ? ExitCode.usage : ExitCode.unavailable;
}
