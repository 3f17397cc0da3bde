import { execFile } from 'node:child_process';
import { inCheckout } from './checkout.ts';
import { type Manifest, parseManifests } from './manifests.ts';

/** What the chart gives for some values. */
export type Rendered =
  | { readonly objects: readonly Manifest[]; readonly notes: string; readonly error?: undefined }
  | { readonly error: string };

interface Answers {
  readonly answers: readonly ({ readonly files: Readonly<Record<string, string>> } | { readonly error: string })[];
  readonly lint: readonly string[];
}

/** Renders the chart once for each set of values, with Helm itself. */
export async function renderAll(
  values: readonly object[],
): Promise<{ readonly rendered: readonly Rendered[]; readonly lint: readonly string[] }> {
  const orders = values.map((each) => ({ values: each, namespace: 'sds-node-agent' }));
  const { answers, lint }: Answers = JSON.parse(await runScript(JSON.stringify(orders)));
  return { rendered: answers.map(toRendered), lint };
}

/** The objects for one set of values. Rejects with what Helm says. */
export async function renderObjects(values: object): Promise<readonly Manifest[]> {
  const [rendered] = (await renderAll([values])).rendered;
  if (rendered === undefined || rendered.error !== undefined)
    throw new Error(rendered?.error ?? 'nothing was rendered');
  return rendered.objects;
}

function toRendered(answer: Answers['answers'][number]): Rendered {
  if ('error' in answer) return answer;
  const entries = Object.entries(answer.files);
  const yaml = entries.filter(([path]) => path.endsWith('.yaml'));
  const notes = entries.find(([path]) => path.endsWith('NOTES.txt'))?.[1] ?? '';
  return { objects: yaml.flatMap(([, text]) => parseManifests(text)), notes };
}

function runScript(input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [inCheckout('scripts', 'render-chart.mjs')],
      { maxBuffer: 64 << 20 },
      (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(new Error(stderr || error.message))),
    );
    child.stdin?.end(input);
  });
}
