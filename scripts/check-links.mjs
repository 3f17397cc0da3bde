import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { REPOSITORY } from './ensure/repository.mjs';

/**
 * Verifies every relative link of the Markdown files at the root and in docs/: the file is there, and the heading too
 * where one is named. A link to a test file or a contract suite says a test's name, in which `…` stands for what varies; that test has to
 * be there. A block of shell commands that begins with `# examples/…` has to be what that script holds below its
 * first line.
 */
const TEST_FILE = /\.test\.ts$|\/test\/contracts\/[^/]+\.ts$/;
const LINK = /!?\[([^\]]*)\]\(([^()\s]+)\)/g;

const EXAMPLE = /^```sh\n# (examples\/\S+)\n([\s\S]*?)^```$/gm;

const faults = markdownFiles().flatMap((file) => [...faultsOf(file), ...exampleFaultsOf(file)]);
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;

function markdownFiles() {
  const root = readdirSync(REPOSITORY).filter((name) => name.endsWith('.md'));
  const docs = readdirSync(join(REPOSITORY, 'docs'), { recursive: true }).filter((name) => name.endsWith('.md'));
  return [...root, ...docs.map((name) => join('docs', name))].map((name) => join(REPOSITORY, name));
}

function faultsOf(file) {
  const links = Array.from(withoutCode(readFileSync(file, 'utf8')).matchAll(LINK), ([, text, target]) => ({
    text,
    target,
  }));
  return links
    .filter(({ target }) => !/^[a-z]+:/.test(target))
    .map((link) => ({ link, fault: faultOf(file, link) }))
    .filter(({ fault }) => fault !== undefined)
    .map(({ link, fault }) => `${relative(REPOSITORY, file)}: [${link.text}](${link.target}): ${fault}`);
}

function exampleFaultsOf(file) {
  const examples = Array.from(readFileSync(file, 'utf8').matchAll(EXAMPLE), ([, path, shown]) => ({ path, shown }));
  return examples
    .filter(({ path, shown }) => shown !== commandsOf(join(REPOSITORY, path)))
    .map(({ path }) => `${relative(REPOSITORY, file)}: the commands are not those of ${path}`);
}

/** Without the line that names the shell. */
function commandsOf(path) {
  return existsSync(path) ? readFileSync(path, 'utf8').replace(/^#!.*\n/, '') : undefined;
}

function faultOf(file, { text, target }) {
  const [path, heading] = target.split('#');
  const linked = path === '' ? file : join(dirname(file), path);
  if (!existsSync(linked)) return 'there is no such file';
  if (heading !== undefined && !headingsOf(linked).includes(heading)) return 'there is no such heading';
  if (TEST_FILE.test(linked) && !hasTest(readFileSync(linked, 'utf8'), text)) return 'there is no such test';
  return undefined;
}

/** A name may be put together of a title, a colon and a key of a table. */
function hasTest(source, name) {
  const [, key = name] = /^[^:…]+: (.*)$/.exec(name) ?? [];
  return [name, key].some((candidate) => candidate.split('…').every((part) => source.includes(part)));
}

/** Headings as GitHub makes anchors of them. */
function headingsOf(file) {
  const headings = withoutCode(readFileSync(file, 'utf8')).matchAll(/^#+ (.*)$/gm);
  return Array.from(headings, ([, heading]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function withoutCode(markdown) {
  return markdown
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ''));
}
