import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './progress.mjs';
import { inRepository } from './repository.mjs';

const LOCK = inRepository('.tools', 'lock');

/**
 * Does the work while no other process of this checkout does such work: two `npm ci` in one folder destroy each
 * other. The lock is a file with the owner's pid; that of a process which no longer lives is taken over.
 */
export async function exclusively(work) {
  mkdirSync(inRepository('.tools'), { recursive: true });
  for (let tries = 0; !tryLock(); tries++) {
    if (tries === 10) say(`waiting for another process (${readOwner()}) that prepares this checkout`);
    await sleep(100);
  }
  try {
    return await work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

function tryLock() {
  const mine = `${LOCK}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    // A hard link appears at once with its content, and fails when the name is taken.
    linkSync(mine, LOCK);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    removeAbandoned();
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}

function removeAbandoned() {
  const owner = readOwner();
  if (owner === undefined || isAlive(owner)) return;
  const aside = `${LOCK}.abandoned.${process.pid}`;
  try {
    renameSync(LOCK, aside);
    // Somebody else may have taken it over between the look and the rename: then it is given back.
    if (isAlive(Number(readFileSync(aside, 'utf8')))) linkSync(aside, LOCK);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
  rmSync(aside, { force: true });
}

function readOwner() {
  try {
    return Number(readFileSync(LOCK, 'utf8'));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
