import { Agent } from '../agent.ts';
import { loadSettings } from '../config/load-settings.ts';
import { systemClock } from '../runtime/system-clock.ts';
import type { Command } from './command.ts';
import { createCommandLog } from './command-log.ts';
import { ExitCode } from './exit-code.ts';
import { packageVersion } from './package-version.ts';
import { SETTINGS_HELP } from './settings-help.ts';

/** `run`: the node agent. */
export const run: Command = {
  name: 'run',
  summary: 'the node agent, until SIGTERM or SIGINT',
  help: `usage: sds-node-agent run [--SETTING VALUE]...

Serves certificates and trust bundles to the Envoys of this node until SIGTERM or SIGINT, then drains and exits with 0;
a second signal exits at once. Logs go to standard output, one JSON object a line, or as text on a terminal.

${SETTINGS_HELP}
exit status: 0 asked to stop, 64 a wrong setting, 69 cannot start, 70 a bug
`,
  async run(argv, io) {
    const settings = loadSettings(io.env, argv);
    const log = createCommandLog(settings, io);
    const agent = await Agent.load({ settings, clock: systemClock, log, version: packageVersion() });
    await agent.run(io.signal);
    return ExitCode.ok;
  },
};
