import { escapeControls } from '../telemetry/escape-controls.ts';
import type { CommandIo } from './command.ts';

/** What text is written on. */
export interface Paper {
  readonly colour: boolean;
  /** The width to keep to; undefined where no person looks: then nothing is left out. */
  readonly columns: number | undefined;
}

export type Paint = 'good' | 'busy' | 'bad' | 'quiet';

/** Parameters of "select graphic rendition" (ECMA-48): from the basic eight, which follow the terminal's theme. */
const RENDITIONS = { good: '32', busy: '36', bad: '31', quiet: '2' } satisfies Record<Paint, string>;

/** Colour and a width on a terminal only; no colour where `NO_COLOR` is set (no-color.org). */
export function toPaper({ env, stdout }: Pick<CommandIo, 'env' | 'stdout'>): Paper {
  if (stdout.isTTY !== true) return { colour: false, columns: undefined };
  const { NO_COLOR = '' } = env;
  return { colour: NO_COLOR === '', columns: stdout.columns ?? 80 };
}

/** The text, harmless, in its colour. */
export function paint(text: string, how: Paint | undefined, paper: Paper): string {
  const safe = escapeControls(text);
  return paper.colour && how !== undefined && safe !== '' ? `\u001b[${RENDITIONS[how]}m${safe}\u001b[0m` : safe;
}
