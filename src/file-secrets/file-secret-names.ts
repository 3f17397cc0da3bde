import type { Caller } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { FileRef } from '../core/secret.ts';
import { namespaceOf } from '../core/spiffe-id.ts';
import { Seldom } from '../runtime/seldom.ts';
import { isBelow } from './is-below.ts';

/** Stands in a directory's path for the namespace of whoever asks. */
const NAMESPACE = '{namespace}';
/** PATH_MAX of Linux. */
const LONGEST_PATH = 4096;
/** Callers choose the names, and can ask as often as they like. */
const LOG_INTERVAL_MS = 60_000;

const CONTROL_CHARACTER = /\p{Cc}/u;

/**
 * Istio's names of secrets in files (istio, pkg/security/security.go): `file-cert:<chain>~<key>`,
 * `file-root:<certificates>` and `file-root:system`. A path has to be written as it is, from the root, without `.`,
 * `..` or anything encoded, and below one of the directories: nothing else is even looked for.
 */
export class FileSecretNames {
  readonly #directories: readonly string[];
  readonly #log: Log;
  readonly #seldom: Seldom;

  /** @param directories absolute, without a slash at the end; `{namespace}` in one is the caller's. None: all is off */
  constructor(directories: readonly string[], clock: Clock, log: Log) {
    this.#directories = directories;
    this.#log = log;
    this.#seldom = new Seldom(clock);
  }

  /** What the name means to this caller; undefined: nothing, as of any unknown name. */
  resolve(name: string, caller: Caller): FileRef | undefined {
    if (this.#directories.length === 0) return undefined;
    const [, kind, rest = ''] = /^file-(cert|root):(.*)$/su.exec(name) ?? [];
    if (kind === undefined) return undefined;
    if (kind === 'root' && rest === 'system') return { kind: 'file-bundle', path: 'system' };
    const directories = this.#directoriesOf(caller);
    const [path = '', keyPath, ...more] = rest.split('~');
    const isAllowed = (candidate: string): boolean =>
      isPlain(candidate) && directories.some((directory) => isBelow(candidate, directory));
    if (more.length === 0 && isAllowed(path)) {
      if (kind === 'root' && keyPath === undefined) return { kind: 'file-bundle', path, directories };
      if (kind === 'cert' && keyPath !== undefined && isAllowed(keyPath)) {
        return { kind: 'file-certificate', chainPath: path, keyPath, directories };
      }
    }
    this.#tell(name, caller);
    return undefined;
  }

  #directoriesOf({ identity }: Caller): readonly string[] {
    const namespace = namespaceOf(identity.spiffeId);
    return this.#directories.flatMap((directory) => {
      if (!directory.includes(NAMESPACE)) return directory;
      return namespace === undefined ? [] : directory.replaceAll(NAMESPACE, namespace);
    });
  }

  #tell(name: string, { identity }: Caller): void {
    const times = this.#seldom.again(LOG_INTERVAL_MS);
    if (times === undefined) return;
    this.#log.warn('a file was asked for that FILE_SECRET_DIRS does not allow: answered with silence', {
      name,
      spiffeId: identity.spiffeId,
      ...(times > 1 && { othersToo: times - 1 }),
    });
  }
}

/** Whether the path is absolute and says where it leads, links aside. */
function isPlain(path: string): boolean {
  if (Buffer.byteLength(path) > LONGEST_PATH || CONTROL_CHARACTER.test(path)) return false;
  const [root, ...names] = path.split('/');
  return root === '' && names.every((name) => name !== '' && name !== '.' && name !== '..');
}
