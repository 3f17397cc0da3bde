import type { SettingValues } from './sections.ts';

/** Values that are each allowed but do not go together. */
export interface Conflict {
  /** The settings that it is about, by their environment variables. */
  readonly names: readonly (keyof SettingValues)[];
  readonly text: string;
}
