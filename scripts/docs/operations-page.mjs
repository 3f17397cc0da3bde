const BEGIN = '<!-- Made by scripts/generate-docs.mjs from src/cache/retry-policy.ts. Change it there. -->';
const END = '<!-- End of what is made from src/cache/retry-policy.ts. -->';

/** docs/operations.md, which people write, with the retry schedule of the build between its two marks. */
export async function operationsPage(load, current = '') {
  const begin = current.indexOf(BEGIN);
  const end = current.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`docs/operations.md lacks the marks ${BEGIN} and ${END}`);
  const schedule = scheduleText(await load('cache/retry-policy.js'), await load('core/agent-error.js'));
  return `${current.slice(0, begin + BEGIN.length)}\n\n${schedule}\n\n${current.slice(end)}`;
}

function scheduleText(policy, { LONGEST_RETRY_AFTER_MS }) {
  const { RETRY_RULES, RETRY_LIMITS, ROOTS_RULE, TOKEN_RULE, TOKEN_LIMITS } = policy;
  const { other, ...byCode } = RETRY_RULES;
  const rows = [
    ...Object.entries(byCode).map(([code, rule]) => rowOf(`issuance that failed with \`${code}\``, rule)),
    rowOf('issuance that failed otherwise', other),
    rowOf('roots that could not be read', ROOTS_RULE),
    rowOf('a stream sent back for a fresh token', TOKEN_RULE),
  ];
  const { longestPauseMs, shareOfLifeLeft } = RETRY_LIMITS;
  return [
    '| what | first step | longest | why |',
    '|---|---|---|---|',
    ...rows,
    '',
    `- A CA that says when to come back (\`Retry-After\`) is not asked earlier; more than ${toText(LONGEST_RETRY_AFTER_MS)} is not believed.`,
    `  It is not asked for other identities either, for ${toText(longestPauseMs)} at most.`,
    `- No step is longer than ${shareOfLifeLeft * 100}% of the life that the certificate has left, except the first.`,
    `- No step for a fresh token is longer than ${TOKEN_LIMITS.shareOfLifeLeft * 100}% of that life, or ${toText(TOKEN_LIMITS.leastMs)} where that is more;`,
    '  where nothing is served any more, the steps do not grow.',
  ].join('\n');
}

function rowOf(what, { firstMs, longestMs, why }) {
  return `| ${what} | ${toText(firstMs)} | ${toText(longestMs)} | ${why} |`;
}

function toText(ms) {
  if (ms >= 3_600_000) return `${ms / 3_600_000} h`;
  return ms >= 60_000 ? `${ms / 60_000} min` : `${ms / 1000} s`;
}
