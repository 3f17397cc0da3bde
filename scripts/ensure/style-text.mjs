const CODES = { red: 31, green: 32, cyan: 36 };

/** Colours text where stderr is a terminal and nobody has asked for none (no-color.org). */
export function styleText(colour, text) {
  const wanted = process.stderr.isTTY && !process.env.NO_COLOR;
  return wanted ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}
