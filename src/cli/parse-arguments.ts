import { parseBoolean } from '../config/boolean.ts';
import { invalidSettings, SETTING_FLAGS, toSettings } from '../config/load-settings.ts';
import { type FlagKind, type FlagsRead, readFlags, unexpectedOperand } from '../config/read-flags.ts';
import type { Settings } from '../config/settings.ts';
import { quoteUntrusted } from '../core/agent-error.ts';
import type { CommandIo } from './command.ts';

/** What a command takes, besides settings. */
export interface ArgumentSpec<Text extends string, Switch extends string, List extends string = never> {
  /** Flags with a value. */
  readonly texts?: readonly Text[];
  /** Which of them must be there, and not empty. */
  readonly required?: readonly NoInfer<Text>[];
  /** Flags with values separated by commas, that may come several times. */
  readonly lists?: readonly List[];
  /** Flags that stand alone. */
  readonly switches?: readonly Switch[];
  /** What has to follow without a flag, as the usage line calls it, for example `FILE`. */
  readonly operands?: readonly string[];
}

/** A command line, understood. */
export interface Arguments<Text extends string, Switch extends string, List extends string = never> {
  /** The value of a flag, or undefined where it was not given. */
  text(flag: Text): string | undefined;
  /** The values of a flag, without white space around them; none where it was not given. */
  list(flag: List): readonly string[];
  /** Whether a flag was given, and not as `--flag=false`. */
  has(flag: Switch): boolean;
  /** As many as the specification names, in its order. */
  readonly operands: readonly string[];
}

/** Whether help is asked for, with `--help` or `-h` before a lone `--`. */
export function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).some((argument) => argument === '--help' || argument === '-h');
}

/**
 * Reads the command line of a command that takes no settings.
 *
 * @throws AgentError `settings-invalid`, with all faults in its message, a line each
 */
export function parseArguments<
  const Text extends string = never,
  const Switch extends string = never,
  const List extends string = never,
>(argv: readonly string[], spec: ArgumentSpec<Text, Switch, List>): Arguments<Text, Switch, List> {
  const read = readFlags(argv, flagKinds(spec));
  const faults = faultsOf(read, spec);
  if (faults.length > 0) throw invalidSettings(faults);
  return toArguments(read);
}

/**
 * Reads the command line of a command that takes settings too; a flag of its own hides a setting's of the same name.
 *
 * @throws AgentError `settings-invalid`, with the faults of arguments and settings in its message, a line each
 */
export function parseArgumentsAndSettings<
  const Text extends string = never,
  const Switch extends string = never,
  const List extends string = never,
>(
  argv: readonly string[],
  env: CommandIo['env'],
  spec: ArgumentSpec<Text, Switch, List>,
): Arguments<Text, Switch, List> & { readonly settings: Settings } {
  const own = flagKinds(spec);
  const read = readFlags(argv, new Map([...SETTING_FLAGS, ...own]));
  const forSettings = new Map([...read.given].filter(([flag]) => !own.has(flag)));
  const settings = toSettings(env, forSettings, faultsOf(read, spec));
  return { ...toArguments<Text, Switch, List>(read), settings };
}

function flagKinds({
  texts = [],
  lists = [],
  switches = [],
}: ArgumentSpec<string, string, string>): Map<string, FlagKind> {
  return new Map<string, FlagKind>([
    ...texts.map((flag) => [flag, 'text'] as const),
    ...lists.map((flag) => [flag, 'list'] as const),
    ...switches.map((flag) => [flag, 'boolean'] as const),
  ]);
}

function faultsOf(
  { given, operands, faults }: FlagsRead,
  spec: ArgumentSpec<string, string, string>,
): readonly string[] {
  const { switches = [], required = [], operands: names = [] } = spec;
  const unclear = switches.filter((flag) => parseBoolean(given.get(flag) ?? 'true') === undefined);
  return [
    ...faults,
    ...unclear.map((flag) => `--${flag} is ${quoteUntrusted(given.get(flag) ?? '')}; allowed is true or false`),
    ...required.filter((flag) => !given.get(flag)).map((flag) => `--${flag} is missing`),
    ...names.slice(operands.length).map((name) => `${name} is missing`),
    ...operands.slice(names.length).map(unexpectedOperand),
  ];
}

function toArguments<Text extends string, Switch extends string, List extends string>({
  given,
  operands,
}: FlagsRead): Arguments<Text, Switch, List> {
  return {
    text: (flag) => given.get(flag),
    list: (flag) =>
      given
        .get(flag)
        ?.split(',')
        .map((value) => value.trim()) ?? [],
    has: (flag) => parseBoolean(given.get(flag) ?? 'false') === true,
    operands: operands.map(({ text }) => text),
  };
}
