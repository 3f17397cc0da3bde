const BOOLEANS = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false] as const),
]);

/** Reads a boolean as Go's strconv.ParseBool does; undefined for what it refuses. */
export function parseBoolean(text: string): boolean | undefined {
  return BOOLEANS.get(text);
}
