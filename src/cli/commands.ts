import type { Command } from './command.ts';

/** Every command by name, imported when it is used and not before: what one needs must not cost another memory. */
export const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map<string, () => Promise<Command>>([
  ['run', async () => (await import('./run.ts')).run],
  ['token', async () => (await import('./token.ts')).token],
  ['envoy-config', async () => (await import('./envoy-config.ts')).envoyConfig],
  ['migrate', async () => (await import('./migrate.ts')).migrate],
  ['fetch', async () => (await import('./fetch.ts')).fetch],
  ['status', async () => (await import('./status.ts')).status],
  ['rotate', async () => (await import('./rotate.ts')).rotate],
  ['check', async () => (await import('./check.ts')).check],
  ['ca', async () => (await import('./ca.ts')).ca],
  ['version', async () => (await import('./version.ts')).version],
]);

/** What `--help` prints where no command is named. */
export async function overview(): Promise<string> {
  const commands = await Promise.all([...COMMANDS.values()].map((load) => load()));
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `usage: sds-node-agent COMMAND [ARGUMENT]...

Workload certificates for the Envoys of one node, over the Secret Discovery Service.

${lines.join('\n')}

sds-node-agent COMMAND --help tells more.
`;
}
