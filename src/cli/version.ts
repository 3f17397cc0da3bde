import type { Command } from './command.ts';
import { ExitCode } from './exit-code.ts';
import { packageVersion } from './package-version.ts';
import { parseArguments } from './parse-arguments.ts';

/** `version`: what runs here, and what it speaks. */
export const version: Command = {
  name: 'version',
  summary: 'print versions: agent, Node, OpenSSL, protocols',
  help: `usage: sds-node-agent version [--json]

Prints the versions of the agent, of Node and OpenSSL underneath, and of the protocols on the SDS socket.
`,
  async run(argv, { stdout }) {
    const { has } = parseArguments(argv, { switches: ['json'] });
    const { node, openssl } = process.versions;
    const versions = { version: packageVersion(), node, openssl, xds: ['v3', 'v2'], grpc: 'HTTP/2', rest: 'HTTP/1.1' };
    if (has('json')) {
      stdout.write(`${JSON.stringify(versions, null, 2)}\n`);
    } else {
      stdout.write(`sds-node-agent ${versions.version}
node           ${node}
openssl        ${openssl}
xDS            ${versions.xds.join(', ')} over gRPC (${versions.grpc}) and REST (${versions.rest})
`);
    }
    return ExitCode.ok;
  },
};
