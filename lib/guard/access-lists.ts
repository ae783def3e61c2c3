import { ConfigError } from '../errors.ts';
import { isKeyId } from '../keys/key-id.ts';
import type { ClientIp } from './client-ip.ts';
import { type Cidr, type IpAddress, maskIp, parseCidr } from './ip-address.ts';

/**
 * Who is never refused by a limit, and who is always refused. Entries are addresses (`192.0.2.1`), blocks
 * (`2001:db8::/32`) and ids of API keys (`key_…`), at most 10,000 in each list. What is denied and allowed is denied.
 */
export interface AccessListOptions {
  /** Exempt from limits by address, or by key; never from authentication. @default none */
  readonly allow?: readonly string[] | undefined;
  /** Refused with 403. @default none */
  readonly deny?: readonly string[] | undefined;
}

export type Access = 'allow' | 'deny';

export interface AccessLists {
  /** What is said of the client with these headers; `unknown` where entries want an address and there is none. No I/O. */
  ofClient(headers: Headers, clientIp: ClientIp): Access | 'unknown' | undefined;
  /** What is said of a key. No I/O. */
  ofKey(id: string): Access | undefined;
  readonly hasKeys: boolean;
}

const MAX_ENTRIES = 10_000;

/** @throws ConfigError naming the list, and the position of the entry that is none. */
export function createAccessLists({ allow = [], deny = [] }: AccessListOptions = {}): AccessLists {
  const allowed = compile('allow', allow);
  const denied = compile('deny', deny);
  return {
    ofClient(headers, clientIp) {
      if (allowed.blocks.size + denied.blocks.size === 0) return undefined;
      const client = clientOf(headers, clientIp);
      if (!client) return 'unknown';
      return contains(denied, client) ? 'deny' : contains(allowed, client) ? 'allow' : undefined;
    },
    ofKey: (id) => (denied.keys.has(id) ? 'deny' : allowed.keys.has(id) ? 'allow' : undefined),
    hasKeys: allowed.keys.size + denied.keys.size > 0,
  };
}

/** Both lists of `one` and of `other`. */
export function joinAccessLists(one: AccessListOptions, other: AccessListOptions = {}): AccessListOptions {
  return {
    allow: [...(one.allow ?? []), ...(other.allow ?? [])],
    deny: [...(one.deny ?? []), ...(other.deny ?? [])],
  };
}

interface Compiled {
  readonly keys: ReadonlySet<string>;
  /** The first addresses of blocks, by length of the prefix: however many there are, one look per length. */
  readonly blocks: ReadonlyMap<number, ReadonlySet<string>>;
}

function compile(list: Access, entries: readonly string[]): Compiled {
  if (!Array.isArray(entries) || entries.length > MAX_ENTRIES) {
    throw new ConfigError(`lists.${list}`, `must be a list of at most ${MAX_ENTRIES} entries`);
  }
  const keys = new Set<string>();
  const blocks = new Map<number, Set<string>>();
  for (const [index, entry] of entries.entries()) {
    const cidr = typeof entry === 'string' ? parseCidr(entry) : undefined;
    if (cidr) {
      const { address, prefixLength } = cidr;
      const firsts = blocks.get(prefixLength) ?? new Set();
      blocks.set(prefixLength, firsts.add(textOf(address)));
    } else if (typeof entry === 'string' && isKeyId(entry)) keys.add(entry);
    else
      throw new ConfigError(
        `lists.${list}`,
        `must hold addresses, blocks and key ids only; entry ${index + 1} is none`,
      );
  }
  return { keys, blocks };
}

/** The address, or the block that a `clientIp` of another make answers with. */
function clientOf(headers: Headers, clientIp: ClientIp): Cidr | undefined {
  if (!clientIp.address) return parseCidr(clientIp(headers) ?? '');
  const address = clientIp.address(headers);
  return address && { address, prefixLength: address.bytes.length * 8 };
}

/** Whether an entry holds the whole of `client`. */
function contains({ blocks }: Compiled, client: Cidr): boolean {
  for (const [prefixLength, firsts] of blocks) {
    if (prefixLength <= client.prefixLength && firsts.has(textOf(maskIp(client.address, prefixLength)))) return true;
  }
  return false;
}

/** Of 4 octets or of 16, so never the same for two versions. */
function textOf({ bytes }: IpAddress): string {
  return bytes.join('.');
}
