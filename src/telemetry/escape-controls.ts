/**
 * Everything that starts a line, moves a cursor, is invisible or turns the writing direction: control (Cc) and
 * format characters (Cf, with the bidirectional ones), line and paragraph separators.
 */
const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The text in one line, such characters written as `\uXXXX`: inside a JSON string that means the same. */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, (control) => control.split('').map(toEscape).join(''));
}

function toEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
