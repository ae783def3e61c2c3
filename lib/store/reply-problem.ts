/** What a refusal says of the store, where it says more than that of one command. */
export type Problem =
  /** It is there but cannot serve now. */
  | 'unavailable'
  /** It answers, and does not let us in: a matter of configuration, not of availability. */
  | 'auth'
  /** The plan is used up, or the database suspended. */
  | 'quota';

/** MOVED and ASK are followed by the store of a Cluster: one that is left says that the Cluster does not know itself. */
const UNAVAILABLE = new Set(
  'LOADING MASTERDOWN CLUSTERDOWN TRYAGAIN READONLY NOREPLICAS MISCONF OOM BUSY MOVED ASK'.split(' '),
);
const DENIED = new Set(['NOAUTH', 'WRONGPASS', 'NOPERM']);
/** How Upstash words it. */
const QUOTA = ['max requests limit exceeded', 'max daily request limit exceeded', 'max monthly', 'has been suspended'];

/** How Redis begins to say why nothing of a transaction has run. What follows is the error that a command alone would get. */
export const BECAUSE = 'EXECABORT Transaction discarded because of: ';

/** The problem in the text of an error by Redis or Upstash; `undefined` for a command that was refused on its own account. */
export function problemOf(text: string): Problem | undefined {
  const error = causeOf(text);
  const code = firstWord(error);
  if (UNAVAILABLE.has(code)) return 'unavailable';
  if (DENIED.has(code)) return 'auth';
  return QUOTA.some((words) => error.includes(words)) ? 'quota' : undefined;
}

/** The word that an error goes by: its first, if that is a code, or that of its cause where there is a problem. */
export function codeOf(text: string): string {
  return firstWord(problemOf(text) === undefined ? text : causeOf(text));
}

/** NOPERM for a command that a script runs: so says Redis 7.0, so do later ones and Valkey. */
const DENIED_IN_SCRIPT = /^ERR (?:The user executing the script (?:can't|is lacking) |ACL failure in script: )/;

function causeOf(text: string): string {
  const error = text.startsWith(BECAUSE) ? text.slice(BECAUSE.length) : text;
  return error.replace(DENIED_IN_SCRIPT, 'NOPERM ');
}

/** `ERR` for what is no code. */
function firstWord(text: string): string {
  const end = text.indexOf(' ');
  const word = end === -1 ? text : text.slice(0, end);
  return /^[A-Z][A-Z0-9_]{1,31}$/.test(word) ? word : 'ERR';
}
