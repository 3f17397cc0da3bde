import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { REPOSITORY } from './ensure/repository.mjs';

/**
 * Verifies every relative link of the Markdown files at the root, in docs/ and in examples/: the file is there, and the
 * heading too where one is named. A link to a test file or a contract suite says a test's name, in which `…` stands for
 * what varies; that test has to be there. A block of shell commands that begins with `# examples/…` has to be what that
 * script holds below its first line; a block of YAML that begins so has to be a part of that file, at any indentation.
 */
const TEST_FILE = /\.test\.ts$|\/test\/contracts\/[^/]+\.ts$/;
const LINK = /!?\[([^\]]*)\]\(([^()\s]+)\)/g;

const EXAMPLE = /^```(sh|yaml)\n# (examples\/\S+)\n([\s\S]*?)^```$/gm;

const faults = markdownFiles().flatMap((file) => [...faultsOf(file), ...exampleFaultsOf(file)]);
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;

function markdownFiles() {
  const within = (directory, options) =>
    readdirSync(join(REPOSITORY, directory), options)
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(REPOSITORY, directory, name));
  return [within('.'), within('docs', { recursive: true }), within('examples', { recursive: true })].flat();
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
  return Array.from(readFileSync(file, 'utf8').matchAll(EXAMPLE), ([, language, path, shown]) => {
    const example = join(REPOSITORY, path);
    const same = language === 'sh' ? shown === commandsOf(example) : isPartOf(example, shown);
    return same ? [] : [`${relative(REPOSITORY, file)}: this is not what ${path} says`];
  }).flat();
}

/** Whether the lines follow each other in the file, all of them further to the right by the same width. */
function isPartOf(path, shown) {
  if (!existsSync(path)) return false;
  const lines = readFileSync(path, 'utf8').split('\n');
  const wanted = shown.trimEnd().split('\n');
  return lines.some((first, start) => {
    const indent = first.slice(0, first.length - first.trimStart().length);
    return wanted.every((line, index) => lines[start + index] === (line === '' ? '' : indent + line));
  });
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
