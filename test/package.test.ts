import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const REPOSITORY = join(import.meta.dirname, '../..');

let project = '';
before(async () => {
  project = await mkdtemp(join(tmpdir(), 'package-'));
  await install();
});
after(() => rm(project, { recursive: true }));

/** Unpacks what `npm pack` makes, beside the packages that it depends on and no others. */
async function install(): Promise<void> {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', project], { cwd: REPOSITORY });
  const [{ filename }]: [{ filename: string }] = JSON.parse(stdout);
  const installed = join(project, 'node_modules/sds-node-agent');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', join(project, filename), '-C', installed, '--strip-components=1']);
  const { dependencies }: { dependencies: object } = JSON.parse(
    await readFile(join(installed, 'package.json'), 'utf8'),
  );
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    await mkdir(dirname(join(project, 'node_modules', name)), { recursive: true });
    await symlink(join(REPOSITORY, 'node_modules', name), join(project, 'node_modules', name));
  }
}

test('the packed agent runs', async () => {
  const { stdout } = await run(join(project, 'node_modules/sds-node-agent/bin/sds-node-agent'), ['version']);
  assert.match(stdout, /sds-node-agent \d/);
});

test('the package exports what a CA module needs, and the contract kit', async () => {
  const source = `
    import { AgentError, parsePem, quoteUntrusted, Redacted } from 'sds-node-agent';
    import { describeCaProvider, systemClock } from 'sds-node-agent/testing';
    const all = { AgentError, parsePem, quoteUntrusted, Redacted, describeCaProvider, now: systemClock.now };
    console.log(Object.values(all).every((value) => typeof value === 'function'));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', source], { cwd: project });
  assert.equal(stdout, 'true\n');
});

test('a CA module and its test can be written in TypeScript', { timeout: 60_000 }, async () => {
  await writeFile(join(project, 'package.json'), '{ "type": "module" }');
  await writeFile(
    join(project, 'ca.ts'),
    `
    import { AgentError, type CaProvider, type CustomCaFactory, type SignRequest } from 'sds-node-agent';
    import { type CaUnderTest, describeCaProvider, systemClock } from 'sds-node-agent/testing';
    class MyCa implements CaProvider {
      readonly name = 'Mine';
      async sign({ id, token }: SignRequest, signal: AbortSignal): Promise<Uint8Array[]> {
        throw new AgentError('ca-unavailable', \`\${id} \${token.reveal().length} \${signal.aborted}\`, { retryAfterMs: 1 });
      }
      async roots(): Promise<Uint8Array[]> {
        return [];
      }
    }
    const createMyCa: CustomCaFactory = ({ CA_ADDR = '', trustDomain, log }) => {
      log.info('made', { CA_ADDR, trustDomain });
      return new MyCa();
    };
    export default createMyCa;
    const makeCa = async (): Promise<CaUnderTest> => ({ provider: new MyCa(), clock: systemClock });
    describeCaProvider('Mine', makeCa, { faults: true });
    // @ts-expect-error a provider without roots
    export const lacking: CaProvider = { name: 'x', sign: async () => [] };
    `,
  );
  const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node', 'ca.ts'];
  await run(process.execPath, [tsc, ...options], { cwd: project }).catch(({ stdout }) => assert.fail(stdout));
});
