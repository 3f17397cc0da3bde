import { parseDuration } from '../config/duration.ts';
import { AgentError, quoteUntrusted } from '../core/agent-error.ts';
import { serviceAccountId } from '../core/spiffe-id.ts';
import { loadDevelopmentIssuer } from '../identity/development-issuer.ts';
import { systemClock } from '../runtime/system-clock.ts';
import type { Command } from './command.ts';
import { ExitCode } from './exit-code.ts';
import { parseArgumentsAndSettings } from './parse-arguments.ts';

/** As long as the projected tokens of Istio's sidecars. */
const DEFAULT_TTL = '12h';
const SHORTEST_TTL_MS = 1_000;
const LONGEST_TTL_MS = 10 * 365 * 24 * 3_600_000;

const HELP = `usage: sds-node-agent token --namespace N --service-account S [flags]
       sds-node-agent token --jwks

Prints a token of the development issuer in STATE_DIR, and nothing else. An agent with TOKEN_VERIFIER=embedded and the
same STATE_DIR accepts it; it may be started before or after. For machines without Kubernetes.

  --namespace N          the workload's namespace
  --service-account S    its service account
  --pod P                its pod: one name, one pod UID  [the service account's name]
  --audience A           whom the token is for, several separated by commas  [TOKEN_AUDIENCES, istio-ca]
  --ttl D                how long it is valid  [${DEFAULT_TTL}]
  --jwks                 instead of a token, the public keys that verify all of them, for TOKEN_VERIFIER=jwks elsewhere

Every setting is a flag too: --state-dir and --trust-domain have to be those of the agent.

example
  sds-node-agent token --namespace shop --service-account web > token
`;

/** `token`: what a Kubernetes API server would project into a pod. */
export const token: Command = {
  name: 'token',
  summary: 'print a development token of the embedded issuer',
  help: HELP,
  async run(argv, { env, stdout }) {
    const { settings, text, has } = parseArgumentsAndSettings(argv, env, {
      texts: ['namespace', 'service-account', 'pod', 'audience', 'ttl'],
      switches: ['jwks'],
      required: argv.includes('--jwks') ? [] : ['namespace', 'service-account'],
    });
    const { stateDir, identity } = settings;
    const issuer = { stateDir, trustDomain: identity.trustDomain, clock: systemClock };
    if (has('jwks')) {
      stdout.write(`${(await loadDevelopmentIssuer(issuer)).jwks}\n`);
      return ExitCode.ok;
    }
    const namespace = text('namespace') ?? '';
    const serviceAccount = text('service-account') ?? '';
    checkNames(identity.trustDomain, namespace, serviceAccount);
    const audience = text('audience');
    const audiences = audience === undefined ? identity.audiences : parseAudiences(audience);
    const ttlMs = parseTtl(text('ttl') ?? DEFAULT_TTL);
    const pod = text('pod') ?? serviceAccount;
    const minted = await (await loadDevelopmentIssuer(issuer)).mint({
      namespace,
      serviceAccount,
      pod,
      audiences,
      ttlMs,
    });
    stdout.write(`${minted.reveal()}\n`);
    return ExitCode.ok;
  },
};

function checkNames(trustDomain: string, namespace: string, serviceAccount: string): void {
  try {
    serviceAccountId(trustDomain, namespace, serviceAccount);
  } catch (cause) {
    const names = `${quoteUntrusted(namespace)} and ${quoteUntrusted(serviceAccount)}`;
    const message = `--namespace and --service-account are ${names}; allowed are letters, digits, '.', '-' and '_'`;
    throw new AgentError('settings-invalid', message, { cause });
  }
}

function parseAudiences(given: string): readonly string[] {
  const audiences = given.split(',').map((audience) => audience.trim());
  if (!audiences.includes('')) return audiences;
  throw new AgentError(
    'settings-invalid',
    `--audience is ${quoteUntrusted(given)}; allowed is a comma-separated list of audiences`,
  );
}

function parseTtl(given: string): number {
  const ttlMs = parseDuration(given);
  if (ttlMs !== undefined && ttlMs >= SHORTEST_TTL_MS && ttlMs <= LONGEST_TTL_MS) return ttlMs;
  throw new AgentError(
    'settings-invalid',
    `--ttl is ${quoteUntrusted(given)}; allowed is a duration from 1s to 87600h, such as 90s or 1h30m`,
  );
}
