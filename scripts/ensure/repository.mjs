import { resolve } from 'node:path';

/** The root of the checkout. Everything the scripts make lies below it, in paths that git ignores. */
export const REPOSITORY = resolve(import.meta.dirname, '../..');

/** A path below the root of the checkout. */
export const inRepository = (...parts) => resolve(REPOSITORY, ...parts);
