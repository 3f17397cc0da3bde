import { escapeControls } from '../telemetry/escape-controls.ts';
import { type Paint, type Paper, paint } from './paper.ts';

/** Whatever a cell's text holds, it can neither break the line nor drive the terminal. */
export interface Cell {
  readonly text: string;
  readonly paint?: Paint | undefined;
}

export interface Column {
  readonly title: string;
  /** Numbers stand at the right. */
  readonly right?: boolean;
  /** Where there is no room: `below` puts the column on lines of its own, first; then the highest number goes. */
  readonly whenNarrow?: 'below' | number;
}

const GAP = '  ';
const NARROWEST_FIRST_COLUMN = 16;

interface Slot {
  readonly column: Column;
  readonly index: number;
  readonly width: number;
}

/** Lines of aligned columns under their titles, within the paper's width as far as columns can give way. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly Cell[])[], paper: Paper): string[] {
  const safeRows = rows.map((cells) => cells.map((cell) => ({ ...cell, text: escapeControls(cell.text) })));
  const slots = columns.map((column, index) => ({ column, index, width: widest(column, index, safeRows) }));
  const { kept, below } = fit(slots, paper.columns);
  const lines = [formatLine(kept, titles(columns), paper)];
  for (const cells of safeRows) {
    lines.push(formatLine(kept, cells, paper));
    for (const { index } of below) {
      const cell = cells[index];
      if (cell !== undefined && cell.text !== '') lines.push(`    ${paint(cell.text, cell.paint, paper)}`);
    }
  }
  return lines;
}

function titles(columns: readonly Column[]): Cell[] {
  return columns.map(({ title }) => ({ text: title, paint: 'quiet' }));
}

function widest({ title }: Column, index: number, rows: readonly (readonly Cell[])[]): number {
  return rows.reduce((most, cells) => Math.max(most, cells[index]?.text.length ?? 0), title.length);
}

function formatLine(slots: readonly Slot[], cells: readonly Cell[], paper: Paper): string {
  const shown = slots.map(({ column, index, width }) => {
    const cell = cells[index] ?? { text: '' };
    const text = cut(cell.text, width);
    const space = ' '.repeat(width - text.length);
    const painted = paint(text, cell.paint, paper);
    return column.right ? space + painted : painted + space;
  });
  return shown.join(GAP).trimEnd();
}

/** The first column gives way last, by getting narrower. */
function fit(
  slots: readonly Slot[],
  room = Number.POSITIVE_INFINITY,
): { kept: readonly Slot[]; below: readonly Slot[] } {
  const fits = (kept: readonly Slot[]): boolean => widthOf(kept) <= room;
  let kept = slots;
  if (fits(kept)) return { kept, below: [] };
  const below = slots.filter(({ column }) => column.whenNarrow === 'below');
  kept = slots.filter((slot) => !below.includes(slot));
  const rank = ({ column }: Slot): number => (typeof column.whenNarrow === 'number' ? column.whenNarrow : 0);
  for (const slot of kept.filter((candidate) => rank(candidate) > 0).sort((a, b) => rank(b) - rank(a))) {
    if (fits(kept)) break;
    kept = kept.filter((other) => other !== slot);
  }
  const [first, ...rest] = kept;
  if (fits(kept) || first === undefined) return { kept, below };
  const width = Math.min(first.width, Math.max(NARROWEST_FIRST_COLUMN, first.width - (widthOf(kept) - room)));
  return { kept: [{ ...first, width }, ...rest], below };
}

function widthOf(slots: readonly Slot[]): number {
  return slots.reduce((sum, { width }) => sum + width + GAP.length, -GAP.length);
}

/** Names begin alike: their ends tell more. */
function cut(text: string, width: number): string {
  return text.length <= width ? text : `…${text.slice(text.length - width + 1)}`;
}
