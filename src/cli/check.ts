import { stat } from 'node:fs/promises';
import { type LoadedCaProvider, loadCaProvider, requireDistinct } from '../ca-providers/registry.ts';
import { loadSettings } from '../config/load-settings.ts';
import { parsePolicy } from '../config/policy-file.ts';
import type { Settings } from '../config/settings.ts';
import { AgentError, type ErrorCode, toAgentError } from '../core/agent-error.ts';
import type { CaProvider } from '../core/ca-provider.ts';
import { ProcessTable } from '../identity/attestation/process-table.ts';
import { seesNode } from '../identity/attestation/sees-node.ts';
import { loadTokenVerifier } from '../identity/load-token-verifier.ts';
import { readPolicy } from '../identity/policy-keeper.ts';
import { probeVerifier } from '../identity/probe-verifier.ts';
import { normalizeRoots } from '../keys/roots.ts';
import { lazyKubernetes } from '../kubernetes/lazy-kubernetes.ts';
import { systemClock } from '../runtime/system-clock.ts';
import { withTimeLimit } from '../runtime/time-limit.ts';
import { createLogger } from '../telemetry/logger.ts';
import { checkPorts } from './check-ports.ts';
import { checkAdminSocket, checkGatewaySocket, checkSdsSocket, checkWorkloadApiSocket } from './check-sockets.ts';
import type { Command, CommandIo } from './command.ts';
import { ExitCode } from './exit-code.ts';
import { paint, toPaper } from './paper.ts';
import { SETTINGS_HELP } from './settings-help.ts';

/** One thing that has to be right before the agent can work. Resolves to what was found, or rejects with the fault. */
interface Check {
  readonly what: string;
  readonly run: (settings: Settings, signal: AbortSignal) => Promise<string>;
}

const CHECKS: readonly Check[] = [
  { what: 'SDS socket', run: checkSdsSocket },
  { what: 'workload API', run: checkWorkloadApiSocket },
  { what: 'gateway socket', run: checkGatewaySocket },
  { what: 'admin socket', run: checkAdminSocket },
  { what: 'ports', run: checkPorts },
  { what: 'CA', run: checkCa },
  { what: 'token verifier', run: checkVerifier },
  { what: 'attestation', run: checkAttestation },
  { what: 'pod tokens', run: checkWorkloadTokens },
  { what: 'policy', run: checkPolicy },
];

/** `check`: would `run` work with these settings, and if not, why? */
export const check: Command = {
  name: 'check',
  summary: 'check settings, sockets, ports, CA, token verifier, attestation and policy',
  help: `usage: sds-node-agent check [--SETTING VALUE]...

Checks settings, socket directories, ports, the CA, the token verifier, attestation and the policy, and says what to do
about each fault.

${SETTINGS_HELP}
exit status: 0 all is well, 64 a wrong setting, 69 something else is not
`,
  async run(argv, io) {
    const settings = loadSettings(io.env, argv);
    report(io, 'settings', 'ok', 'every value is allowed by itself');
    const codes = new Set<ErrorCode>();
    for (const { what, run } of CHECKS) {
      try {
        report(io, what, 'ok', await run(settings, io.signal));
      } catch (thrown) {
        const { code, message } = toAgentError(thrown);
        codes.add(code);
        report(io, what, 'fault', message);
      }
    }
    if (codes.has('settings-invalid')) return ExitCode.settings;
    return codes.size === 0 ? ExitCode.ok : ExitCode.unavailable;
  },
};

function report(io: CommandIo, what: string, verdict: 'ok' | 'fault', text: string): void {
  const paper = toPaper(io);
  const mark = paint(verdict.padEnd(5), verdict === 'ok' ? 'good' : 'bad', paper);
  io.stdout.write(`${mark}  ${what.padEnd(14)}  ${paint(text, undefined, paper)}\n`);
}

async function checkCa(settings: Settings, signal: AbortSignal): Promise<string> {
  const untouched = await stateNote(settings, settings.ca.providers.includes('Embedded'));
  const providers = settings.ca.providers.filter((name) => untouched === undefined || name !== 'Embedded');
  const log = createLogger({ level: 'error', format: 'text', destination: { write: () => undefined } });
  const { trustDomain } = settings.identity;
  const life = new AbortController();
  try {
    const parts = { ...settings, trustDomain, clock: systemClock, log, lifetime: life.signal };
    const found = untouched === undefined ? [] : [untouched];
    const faults: AgentError[] = [];
    const loaded: LoadedCaProvider[] = [];
    for (const name of providers) {
      try {
        const one = await loadCaProvider(name, parts);
        loaded.push(one);
        found.push(await checkRoots(one.provider, settings.ca.timeoutMs, signal));
      } catch (thrown) {
        const { code, message } = toAgentError(thrown);
        faults.push(new AgentError(code, providers.length === 1 ? message : `${name}: ${message}`));
      }
    }
    requireDistinct(loaded);
    if (faults.length > 0) throw joined(faults);
    return found.join('; ');
  } finally {
    life.abort();
  }
}

/** One error for all of them: of the settings if one is, for those are told by the exit status. */
function joined(faults: readonly AgentError[]): AgentError {
  const { code = 'internal' } = faults.find((fault) => fault.code === 'settings-invalid') ?? faults[0] ?? {};
  return new AgentError(code, faults.map(({ message }) => message).join('; '));
}

async function checkRoots(provider: CaProvider, timeoutMs: number, signal: AbortSignal): Promise<string> {
  const { name } = provider;
  const onTimeout = (): AgentError =>
    new AgentError('ca-timeout', `${name} did not answer within ${timeoutMs} ms: is its address right?`);
  const roots = await withTimeLimit(systemClock, timeoutMs, signal, onTimeout, (limited) => provider.roots(limited));
  if (roots.length === 0) return `${name} can be reached; it tells its roots with the first certificate`;
  const { count } = normalizeRoots(roots, systemClock.now());
  return `${name} answers, with ${count === 1 ? 'one root' : `${count} roots`}`;
}

async function checkVerifier(settings: Settings, lifetime: AbortSignal): Promise<string> {
  const { identity, stateDir } = settings;
  const kubernetes = lazyKubernetes(settings.kubernetes, systemClock);
  const tokenReviewer = kubernetes && (() => kubernetes.tokenReviewer());
  const names = identity.verifiers.join(', ');
  const untouched = await stateNote(settings, identity.verifiers.includes('embedded'));
  if (untouched !== undefined) return untouched;
  const log = createLogger({ level: 'error', format: 'text', destination: { write: () => undefined } });
  const verifier = await loadTokenVerifier({ ...identity, tokenReviewer, stateDir, clock: systemClock, log, lifetime });
  await probeVerifier(verifier, lifetime).catch((thrown: unknown) => {
    const { code, message } = toAgentError(thrown);
    const { jwks } = identity;
    // Peers see that message too, so it does not say where the keys are.
    const place = jwks === undefined ? '' : `: TOKEN_JWKS is ${jwks.kind === 'file' ? jwks.path : jwks.url}`;
    throw new AgentError(code, `${message}${place}`);
  });
  return `${names} can verify tokens for ${identity.audiences.join(', ')}`;
}

async function checkWorkloadTokens({ identity, kubernetes }: Settings, signal: AbortSignal): Promise<string> {
  const { nodeName } = kubernetes;
  const lazy = lazyKubernetes(kubernetes, systemClock);
  if (identity.workloadTokens === 'projected' || lazy === undefined || nodeName === undefined) {
    return 'WORKLOAD_TOKENS is projected: callers have to bring a token';
  }
  if (!seesNode(new ProcessTable())) {
    const blind = 'WORKLOAD_TOKENS is request, but which process is in which pod cannot be seen';
    throw new AgentError('settings-invalid', `${blind}: set hostPID: true, or nobody without a token is served`);
  }
  const pods = await lazy.checkTokenRights(nodeName, signal);
  return `tokens can be asked for; ${nodeName} has ${pods === 1 ? 'one pod' : `${pods} pods`}`;
}

async function checkAttestation({ identity: { peerAttestation: mode } }: Settings): Promise<string> {
  if (mode === 'off') return 'PEER_ATTESTATION is off: a token is good from every process that has it';
  if (seesNode(new ProcessTable())) return `PEER_ATTESTATION is ${mode}, and the processes of this node can be seen`;
  const blind = `PEER_ATTESTATION is ${mode}, but which process is in which pod cannot be seen: set hostPID: true`;
  if (mode === 'enforce') throw new AgentError('settings-invalid', `${blind}, or nobody is served`);
  return `${blind}, or it tells nothing`;
}

async function checkPolicy({ identity }: Settings): Promise<string> {
  if (identity.policyFile === undefined) return 'everybody whose token is good is served';
  const { rules } = await readPolicy(identity.policyFile, parsePolicy);
  return `${identity.policyFile} has ${rules.length === 1 ? 'one rule' : `${rules.length} rules`}`;
}

/** State is made by the first start and not by a check, which may run as another user. */
async function stateNote({ stateDir }: Settings, needed: boolean): Promise<string | undefined> {
  if (!needed || (await stat(stateDir).catch(() => undefined)) !== undefined) return undefined;
  return `${stateDir} is made on the first start`;
}
