/** What `Cache-Control` says: every argument of each directive, by its name in lower case; `true` where it has none. */
export type Directives = ReadonlyMap<string, readonly (string | true)[]>;

/** Longer ones are not read: nobody needs them, and what is read of a stranger is bounded. */
const MAX_LENGTH = 4_096;

const TOKEN = "[!#$%&'*+.^_`|~\\w-]+";
/** One member of the list, which may be empty: `name`, `name=token` or `name="text"`, up to its comma. */
const MEMBER = new RegExp(`[ \\t]*(?:(${TOKEN})(?:=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)"))?[ \\t]*)?(?:,|$)`, 'y');

/** The directives of a field, none for one that is absent; `undefined` for one that cannot be read. */
export function readDirectives(field: string | null): Directives | undefined {
  const directives = new Map<string, readonly (string | true)[]>();
  const text = field ?? '';
  if (text.length > MAX_LENGTH) return undefined;
  MEMBER.lastIndex = 0;
  while (MEMBER.lastIndex < text.length) {
    const member = MEMBER.exec(text);
    if (!member) return undefined;
    const [, name, token, quoted] = member;
    if (name === undefined) continue;
    const argument = token ?? quoted?.replace(/\\(.)/g, '$1') ?? true;
    directives.set(name.toLowerCase(), [...(directives.get(name.toLowerCase()) ?? []), argument]);
  }
  return directives;
}

/** The largest number of seconds that RFC 9111 wants to be told from more. */
const MAX_SECONDS = 2 ** 31;

/**
 * Milliseconds of a directive that tells seconds, `undefined` where there is none. Of several the shortest, and none at
 * all for one that is no number: RFC 9111, section 4.2.1, wants both to be taken for stale.
 */
export function durationMs(directives: Directives, name: string): number | undefined {
  const told = directives.get(name)?.map((argument) => {
    const isNumber = argument !== true && /^\d+$/.test(argument);
    return isNumber ? Math.min(Number(argument), MAX_SECONDS) * 1_000 : 0;
  });
  return told && Math.min(...told);
}
