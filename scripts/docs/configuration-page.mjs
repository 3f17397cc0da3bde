const INTRODUCTION = `# Configuration

<!-- Made by scripts/generate-docs.mjs from src/config. Change it there. -->

Every setting is an environment variable and a flag of \`run\`; the flag wins. \`SECRET_TTL=1h\` is \`--secret-ttl 1h\` or
\`--secret-ttl=1h\`; a flag for \`true\` may stand alone. Durations and booleans are written as in Go: \`90s\`, \`1h30m\`,
\`1.5h\`, \`300ms\`; \`1 t T true TRUE True\` and their opposites. An empty variable is a value like any other: where
"empty" is not listed as allowed, it is an error.

Beside these, each variable \`CA_HEADER_<NAME>\` is a header that Citadel is sent with every request, as in Istio's agent;
it has no flag.

A value that is not allowed ends the agent with exit status 64, and a message that names every fault at once.
`;

/** docs/configuration.md: every setting with its flag, default, allowed values and meaning. */
export async function configurationPage(load) {
  const { settingSections } = await load('config/sections.js');
  return [INTRODUCTION, ...settingSections.map(sectionText)].join('\n');
}

function sectionText({ title, settings }) {
  return [
    `## ${title}`,
    '',
    '| setting | default | allowed | meaning |',
    '|---|---|---|---|',
    ...settings.map(settingRow),
    '',
  ].join('\n');
}

function settingRow({ name, flag, default: initial, allowed, meaning }) {
  const shown = initial === '' ? 'empty' : `\`${initial}\``;
  const cells = [`\`${name}\`<br>\`--${flag}\``, shown, allowed, meaning];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
