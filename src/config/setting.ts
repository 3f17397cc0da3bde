import { z } from 'zod';
import type { ValueKind } from './value-kind.ts';

/** What the documentation says about a setting. */
export interface SettingMeta {
  /** As it would be written; empty where there is none. */
  readonly default: string;
  /** Completes the sentence "allowed is …". */
  readonly allowed: string;
  readonly meaning: string;
  readonly boolean: boolean;
}

const metaOfSetting = z.registry<SettingMeta>();

/** A setting: what it may be, what it is when nobody says, and what it means, in one sentence without a full stop. */
export function setting<T>(kind: ValueKind<T>, initial: string, meaning: string) {
  return kind.schema
    .prefault(initial)
    .register(metaOfSetting, { default: initial, allowed: kind.allowed, meaning, boolean: kind.boolean ?? false });
}

/** The metadata of a schema that `setting` made. */
export function settingMeta(schema: z.core.$ZodType): SettingMeta {
  const meta = metaOfSetting.get(schema);
  if (meta === undefined) throw new TypeError('the schema was not made by setting()');
  return meta;
}

/** A setting's flag without the dashes: `SECRET_TTL` is `--secret-ttl`. */
export function toFlagName(settingName: string): string {
  return settingName.toLowerCase().replaceAll('_', '-');
}
