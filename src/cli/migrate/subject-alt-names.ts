import { isIP } from 'node:net';
import type { EnvoyObject, EnvoyValue } from '../envoy-bootstrap/document.ts';
import type { Draft } from './draft.ts';
import { isList, type Scope } from './scope.ts';
import { migrateStringMatcher } from './string-matcher.ts';
import { dig } from './walk.ts';

const SAN_TYPES = ['DNS', 'URI', 'EMAIL', 'IP_ADDRESS'] as const;
type SanType = (typeof SAN_TYPES)[number];

/** Accepts no certificate that there is. Without any matcher Envoy would accept every one of the CA. */
export const NOBODY: EnvoyObject = { san_type: 'URI', matcher: { exact: 'urn:sds-node-agent:nobody' } };

const AND = 'Envoy 1.17 demanded that a name pass both; Envoy 1.40 takes either, so only names that pass both are left';

/**
 * Turns `verify_subject_alt_name` (v2) and `match_subject_alt_names` (v2 and v3) of a validation context into
 * `match_typed_subject_alt_names`, which never accepts more than they did.
 */
export function migrateSubjectAltNames(context: Draft): void {
  const { scope } = context;
  const exact = takeList(context, 'verify_subject_alt_name', (value, at) => at.text(value));
  const matchers = takeList(context, 'match_subject_alt_names', (value, at) =>
    migrateStringMatcher(at.object(value), at),
  );
  if (exact.length === 0 && matchers.length === 0) return;
  const names = matchers.length === 0 ? exact : exact.filter((name) => matchers.some((one) => passes(name, one)));
  if (exact.length > 0 && matchers.length > 0) {
    scope.notCarriedOver('verify_subject_alt_name and match_subject_alt_names', AND);
  }
  const typed = exact.length > 0 ? names.map((name) => toExact(name)) : matchers.flatMap(toTyped);
  const present = context.get('match_typed_subject_alt_names');
  if (present !== undefined) {
    scope.notCarriedOver(
      'match_typed_subject_alt_names beside older matchers',
      'of the two only the typed ones are left, as Envoy 1.40 itself takes no others when they are there',
    );
    return;
  }
  context.set('match_typed_subject_alt_names', typed.length === 0 ? [NOBODY] : typed);
}

function takeList<T>(context: Draft, name: string, read: (value: EnvoyValue, scope: Scope) => T): T[] {
  const at = context.scope.at(name);
  return at.list(context.take(name) ?? []).map((value, index) => read(value, at.at(index)));
}

function toExact(name: string): EnvoyObject {
  return name === '' ? NOBODY : { san_type: typeOf(name), matcher: { exact: name } };
}

/** What kind of name a text is, as v2 compared it with names of every kind. */
function typeOf(name: string): SanType {
  if (/^[a-z][a-z0-9+.-]*:/i.test(name) && isIP(name) === 0) return 'URI';
  if (isIP(name) !== 0) return 'IP_ADDRESS';
  return name.includes('@') ? 'EMAIL' : 'DNS';
}

/** A matcher without type looked at names of every kind. */
function toTyped(matcher: EnvoyObject): readonly EnvoyObject[] {
  const text = dig(matcher, 'exact') ?? dig(matcher, 'prefix');
  if (typeof text === 'string' && /^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return [{ san_type: 'URI', matcher }];
  return SAN_TYPES.map((type) => ({ san_type: type, matcher }));
}

/** Whether a name passes a matcher for sure. A regular expression is not tried: what may not pass, does not. */
function passes(name: string, matcher: EnvoyObject): boolean {
  const { exact, prefix, suffix, contains } = matcher;
  if (dig(matcher, 'ignore_case') === true) return false;
  if (typeof exact === 'string') return name === exact;
  if (typeof prefix === 'string') return name.startsWith(prefix);
  if (typeof suffix === 'string') return name.endsWith(suffix);
  return typeof contains === 'string' && name.includes(contains);
}

/** Whether the matchers that are there pass no SPIFFE ID, and so no certificate that the agent has issued. */
export function passesNoSpiffeId(context: EnvoyValue | undefined): boolean {
  const matchers = dig(context, 'match_typed_subject_alt_names');
  return isList(matchers) && matchers.every((one) => dig(one, 'san_type') !== 'URI' || one === NOBODY);
}
