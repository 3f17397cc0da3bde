/** The name that somebody who typed this most likely meant, or began to write; undefined when none is near. */
export function nearestName(typed: string, names: Iterable<string>): string | undefined {
  const all = [...names];
  const begun = typed.length < 2 ? undefined : all.find((name) => name.startsWith(typed));
  if (begun !== undefined) return begun;
  // One slip in three letters is a slip, more is another word.
  let leastSlips = Math.max(1, Math.floor(typed.length / 3)) + 1;
  let nearest: string | undefined;
  for (const name of all) {
    const slips = editDistance(typed, name);
    if (slips < leastSlips) {
      leastSlips = slips;
      nearest = name;
    }
  }
  return nearest;
}

/** Levenshtein's distance: how many characters to add, drop or change to get from one text to the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, wanted] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, found] of [...to].entries()) {
      const [left = 0, above = 0, diagonal = 0] = [next[column], row[column + 1], row[column]];
      next.push(Math.min(left + 1, above + 1, diagonal + (wanted === found ? 0 : 1)));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
