/** The code of one of Node's system errors, such as `EACCES`; words for a sentence where there is none. */
export function systemErrorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return 'nothing more';
}
