import { chmodSync, chownSync, statSync } from 'node:fs';

/**
 * `node own-directories.mjs USER MODE:DIRECTORY…`: gives directories to a user and its group, with these permission
 * bits. For the init container of the DaemonSet, which is root with the capability CHOWN and no other: that one may
 * change the mode of what is its own alone, so it takes a directory back first.
 */
const [, , user, ...wanted] = process.argv;
if (!/^\d+$/.test(user ?? '') || wanted.length === 0) {
  throw new Error('usage: node own-directories.mjs USER MODE:DIRECTORY…');
}
for (const text of wanted) {
  const [, mode, directory] = /^(0[0-7]{3}):(\/.+)$/.exec(text) ?? [];
  if (directory === undefined)
    throw new Error(`${JSON.stringify(text)} is not MODE:DIRECTORY, such as 0755:/var/run/sds`);
  const bits = Number.parseInt(mode, 8);
  if ((statSync(directory).mode & 0o7777) !== bits) {
    chownSync(directory, 0, 0);
    chmodSync(directory, bits);
  }
  chownSync(directory, Number(user), Number(user));
}
