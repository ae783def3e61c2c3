import { sha256 } from '../../client/crypto.ts';

/** What of a request an answer may depend on. */
export interface KeyRules {
  /**
   * Headers that the response depends on, in any case: requests that differ in one have entries of their own. All that the
   * handler reads belongs here, or another's page is served: `x-forwarded-host` and `x-forwarded-proto` where links or
   * redirects are made of them, `origin` where it is echoed, `accept-language`, `authorization`. @default []
   */
  readonly varyOn?: readonly string[] | undefined;
  /** Parameters of the query that the response depends on; all others are taken for noise. @default all */
  readonly allowQuery?: readonly string[] | undefined;
  /**
   * Whether all hosts share entries. Else the origin of the URL and the `Host` header are part of the key, so that nobody
   * can have a page stored with links to a host of their choice. @default false
   */
  readonly anyHost?: boolean | undefined;
}

/** Longer ones have no entry: their requests go to the handler. */
const MAX_URL_LENGTH = 8_192;
const MAX_HEADER_LENGTH = 8_192;

/** Whether what names the entry is of a size that is worth a name. */
export function isKeyable(request: Request, { varyOn = [] }: KeyRules): boolean {
  if (request.url.length > MAX_URL_LENGTH) return false;
  return varyOn.every((name) => (request.headers.get(name)?.length ?? 0) <= MAX_HEADER_LENGTH);
}

/**
 * The key under which responses to such a request are stored: to `delete` one from the cache. A digest, since URLs and
 * headers carry secrets; of everything as it was sent, so that no two requests meet in one entry. Only the order in which
 * parameters of different names stand says nothing. GET and HEAD have one key.
 */
export async function requestKey(request: Request, rules: KeyRules = {}): Promise<string> {
  const { varyOn = [], anyHost = false, allowQuery } = rules;
  const { origin, pathname, search } = new URL(request.url);
  const names = [...new Set(varyOn.map((name) => name.toLowerCase()))].sort();
  return sha256(
    JSON.stringify([
      anyHost ? null : [origin, request.headers.get('host')],
      pathname,
      queryParts(search, allowQuery),
      names.map((name) => [name, request.headers.get(name)]),
    ]),
  );
}

/** As they were sent, sorted by the names that the handler sees: what bears one name keeps its order. */
function queryParts(search: string, allowed: readonly string[] | undefined): readonly string[] {
  if (search === '') return [];
  return search
    .slice(1)
    .split('&')
    .map((part) => ({ part, name: nameOf(part) }))
    .filter(({ name }) => allowed === undefined || allowed.includes(name))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ part }) => part);
}

/** Behind a `&`: a question mark at the beginning would be taken for that of the URL. */
function nameOf(part: string): string {
  const [name = ''] = new URLSearchParams(`&${part}`).keys();
  return name;
}
