/** What the help of a command says that takes every setting. */
export const SETTINGS_HELP = `Every setting is an environment variable and a flag (SECRET_TTL is --secret-ttl; the flag wins). docs/configuration.md
lists them all, with their defaults. A flag that is true or false may stand alone, for true; a value follows it after =,
as in --pkcs8-key=false.
`;
