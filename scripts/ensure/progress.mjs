import { styleText } from './style-text.mjs';

/** Runs one step and says on stderr that it begins, and how it ended after how long. Stdout stays for results. */
export async function step(title, work) {
  const startedMs = performance.now();
  say(`${title} …`);
  try {
    const result = await work();
    say(`${title}: ${styleText('green', 'done')} in ${elapsed(startedMs)}`);
    return result;
  } catch (error) {
    say(`${title}: ${styleText('red', 'failed')} after ${elapsed(startedMs)}`);
    throw error;
  }
}

/** One line of progress for whoever watches. */
export function say(text) {
  process.stderr.write(`${styleText('cyan', '▸')} ${text}\n`);
}

/** What must not be overlooked, between two rules. */
export function shout(lines) {
  const rule = '!'.repeat(Math.max(...lines.map((line) => line.length)));
  process.stderr.write(`${styleText('red', [rule, ...lines, rule].join('\n'))}\n`);
}

function elapsed(startedMs) {
  return `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
}
