import type { TextOutput } from '../src/cli/command.ts';

/** Lines on a terminal that are drawn again in place. */
export class Screen {
  readonly #output: TextOutput;
  #drawn = 0;

  constructor(output: TextOutput) {
    this.#output = output;
  }

  /** Replaces what was drawn before. No line may be wider than the terminal. */
  draw(lines: readonly string[]): void {
    // ECMA-48: cursor up, then erase to the end of the screen.
    const back = this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A\u001b[J`;
    this.#output.write(`${back}${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }
}
