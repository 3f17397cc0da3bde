import type { EnvoyObject, EnvoyValue } from '../envoy-bootstrap/document.ts';
import { Draft } from './draft.ts';
import { isObject, type Scope } from './scope.ts';

/** What std::regex of v2 could and RE2, the only engine that is left, cannot do: look ahead and refer back. */
const BEYOND_RE2 = /\(\?[=!]|\\[1-9]/;

/** `envoy.type.matcher.StringMatcher`: `regex` became `safe_regex`, whose engine need not be named any more. */
export function migrateStringMatcher(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  migrateRegex(draft, 'regex', 'safe_regex');
  return draft.toObject();
}

/** A regular expression in a field of v2 with its mere text, or in one with a `RegexMatcher`, which takes its place. */
export function migrateRegex(draft: Draft, textField: string, matcherField: string): void {
  const text = draft.get(textField);
  if (text === undefined) {
    draft.object(matcherField, migrateRegexMatcher);
    return;
  }
  const at = draft.scope.at(textField);
  const regex = at.text(text);
  warnOfRegex(regex, at);
  draft.rename(textField, matcherField);
  draft.set(matcherField, { regex });
}

function migrateRegexMatcher(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.take('google_re2');
  warnOfRegex(scope.text(draft.get('regex') ?? ''), scope);
  return draft.toObject();
}

function warnOfRegex(regex: string, scope: Scope): void {
  if (!BEYOND_RE2.test(regex)) return;
  scope.notCarriedOver(
    regex,
    'RE2, the only engine of Envoy 1.40, has no such construct: Envoy refuses the configuration until you write it anew',
  );
}

/** `HeaderMatcher`: its ways to compare texts went into one `string_match`. */
export function migrateHeaderMatcher(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.object('string_match', migrateStringMatcher);
  migrateRegex(draft, 'regex_match', 'safe_regex_match');
  for (const way of ['exact', 'safe_regex', 'prefix', 'suffix', 'contains']) {
    const value = draft.take(`${way}_match`);
    if (value !== undefined) draft.set('string_match', { [way]: value });
  }
  return draft.toObject();
}

/** `QueryParameterMatcher` of v2: `value`, which `regex` made an expression, or nothing but the name. */
export function migrateQueryMatcher(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  const isRegex = draft.take('regex') === true;
  const value = draft.take('value');
  if (value !== undefined) draft.set('string_match', { [isRegex ? 'regex' : 'exact']: value });
  else if (draft.get('string_match') === undefined) draft.set('present_match', draft.get('present_match') ?? true);
  draft.object('string_match', migrateStringMatcher);
  return draft.toObject();
}

/**
 * The same in a tree of rules, as role-based access control has them, in which matchers stand at any depth.
 */
export function migrateMatchersWithin(message: EnvoyObject, scope: Scope): EnvoyObject {
  const migrate = (value: EnvoyValue, at: Scope): EnvoyValue => {
    if (!isObject(value)) return typeof value === 'object' ? value.map((item, i) => migrate(item, at.at(i))) : value;
    const draft = new Draft(value, at);
    migrateRegex(draft, 'regex', 'safe_regex');
    draft.object('header', migrateHeaderMatcher);
    const fields = Object.entries(draft.toObject());
    return Object.fromEntries(
      fields.map(([name, part]) => {
        const done = name === 'safe_regex' || name === 'header';
        if (name === 'policies') return [name, migrateEach(part, at.at(name))];
        return [name, done ? part : migrate(part, at.at(name))];
      }),
    );
  };
  // Its keys are names that somebody chose, not fields.
  const migrateEach = (policies: EnvoyValue, at: Scope): EnvoyObject => {
    const entries = Object.entries(at.object(policies));
    return Object.fromEntries(entries.map(([name, policy]) => [name, migrate(policy, at.at(name))]));
  };
  return scope.object(migrate(message, scope));
}
