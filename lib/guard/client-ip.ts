import { ConfigError } from '../errors.ts';
import { connectionAddress } from './connection-address.ts';
import {
  type Cidr,
  cidrContains,
  formatIp,
  type IpAddress,
  maskIp,
  parseCidr,
  parseDecimal,
  parseIp,
} from './ip-address.ts';

/**
 * Whose word about the client's address is taken. Name the platform that terminates the connection: every other header
 * is the client's own text.
 *
 * Cloudflare in front of Vercel has no safe choice here. To `vercel` all clients are addresses of Cloudflare's edge, many
 * of them in one account; `cloudflare` believes everybody who finds the deployment's own address, where nothing takes
 * `cf-connecting-ip` from them. Close that way in first, with Vercel's firewall or deployment protection, and then take
 * `cloudflare`.
 */
export type ClientIpSource =
  /** `x-real-ip`, then `x-vercel-forwarded-for`: Vercel overwrites both. */
  | 'vercel'
  /** `cf-connecting-ip`: true only when nothing but Cloudflare can reach the server. */
  | 'cloudflare'
  /** From where the connection came, as the server tells (`address` in `breakwater/server`). No header is read. */
  | 'connection'
  /**
   * `x-forwarded-for`, read from the right past the proxies that are ours, and first from where the connection came, if the
   * server tells. An empty list trusts the last entry.
   */
  | { readonly trustedProxies: readonly string[] };

export interface ClientIpOptions {
  readonly source: ClientIpSource;
  /**
   * How many leading bits of an IPv6 address make one client, 1 to 128. One customer commonly holds a whole /64.
   * @default 64
   */
  readonly ipv6PrefixLength?: number | undefined;
}

/** The client's address in canonical text, or `undefined` when no trustworthy one was found. */
export interface ClientIp {
  (headers: Headers): string | undefined;
  /** All bits of the address, for lists that name fewer clients than a block holds. @default what the text says */
  readonly address?: ((headers: Headers) => IpAddress | undefined) | undefined;
}

/**
 * Says who is asking, from the headers that the platform wrote: `192.0.2.1` for IPv4, `2001:db8:1:2::/64` for IPv6.
 * Never throws, never guesses: without a trustworthy address the answer is `undefined`, which callers count in a bucket
 * of its own.
 *
 * @throws ConfigError when an option is malformed.
 * @example
 * ```ts
 * const clientIp = createClientIp({ source: { trustedProxies: ['10.0.0.0/8'] } });
 * clientIp(new Headers({ 'x-forwarded-for': '203.0.113.7, 10.0.0.2' })); // '203.0.113.7'
 * ```
 */
export function createClientIp(options: ClientIpOptions): ClientIp {
  const { source, ipv6PrefixLength = 64 } = options;
  if (!Number.isInteger(ipv6PrefixLength) || ipv6PrefixLength < 1 || ipv6PrefixLength > 128) {
    throw new ConfigError('ipv6PrefixLength', 'must be a whole number from 1 to 128');
  }
  const address = finderFor(source);
  const clientIp = (headers: Headers): string | undefined => {
    const ip = address(headers);
    if (ip === undefined) return undefined;
    return ip.version === 4 ? formatIp(ip) : `${formatIp(maskIp(ip, ipv6PrefixLength))}/${ipv6PrefixLength}`;
  };
  return Object.assign(clientIp, { address });
}

type Finder = (headers: Headers) => IpAddress | undefined;

function finderFor(source: ClientIpSource): Finder {
  if (source === 'vercel') {
    return (headers) => parseHop(headers.get('x-real-ip')) ?? parseHop(headers.get('x-vercel-forwarded-for'));
  }
  if (source === 'cloudflare') return (headers) => parseHop(headers.get('cf-connecting-ip'));
  if (source === 'connection') return (headers) => parseHop(connectionAddress(headers) ?? null);
  if (typeof source !== 'object' || source === null || !Array.isArray(source.trustedProxies)) {
    throw new ConfigError('source', "must be 'vercel', 'cloudflare', 'connection' or { trustedProxies: [...] }");
  }
  const trusted = source.trustedProxies.map(parseTrustedProxy);
  return (headers) => {
    const hops = forwardedHops(headers.get('x-forwarded-for') ?? '');
    const nearest = trusted.length > 0 ? connectionAddress(headers) : undefined;
    return walkForwarded(nearest === undefined ? hops : [nearest, ...hops], trusted);
  };
}

function parseTrustedProxy(text: unknown, index: number): Cidr {
  const cidr = typeof text === 'string' ? parseCidr(text) : undefined;
  if (cidr === undefined) {
    throw new ConfigError(`source.trustedProxies[${index}]`, 'must be an address or a block such as 10.0.0.0/8');
  }
  return cidr;
}

/** The first address from the right that is not ours; each proxy vouches only for the entry that it appended. */
function walkForwarded(hops: readonly string[], trusted: readonly Cidr[]): IpAddress | undefined {
  let ip: IpAddress | undefined;
  for (const hop of hops) {
    ip = parseHop(hop);
    if (ip === undefined) return undefined;
    const current = ip;
    if (!trusted.some((cidr) => cidrContains(cidr, current))) return ip;
  }
  return ip;
}

/** Real chains have a handful of hops; the rest of a longer header is only there to be expensive. */
const MAX_HOPS = 64;
const MAX_HEADER_LENGTH = 4096;

/** The entries of a forwarded-for header, right-most first; of a long one only its end. */
export function forwardedHops(header: string): readonly string[] {
  let tail = header;
  if (header.length > MAX_HEADER_LENGTH) {
    const end = header.slice(-MAX_HEADER_LENGTH);
    const comma = end.indexOf(',');
    if (comma === -1) return [];
    // The cut may fall inside an address: `110.0.0.1` must not be read as `10.0.0.1`.
    tail = end.slice(comma + 1);
  }
  return tail.split(',').slice(-MAX_HOPS).reverse();
}

/** An address as proxies write it: `192.0.2.1`, `192.0.2.1:4711` (Azure), `[2001:db8::1]:4711`, spaces around it. */
function parseHop(text: string | null): IpAddress | undefined {
  if (text === null || text.length > MAX_HEADER_LENGTH) return undefined;
  const hop = text.trim();
  if (hop.startsWith('[')) {
    const close = hop.indexOf(']');
    const inside = hop.slice(1, close);
    return close !== -1 && inside.includes(':') && isPortSuffix(hop.slice(close + 1)) ? parseIp(inside) : undefined;
  }
  const colon = hop.indexOf(':');
  // One colon: a port. More: IPv6, whose port would need brackets.
  if (colon === -1 || colon !== hop.lastIndexOf(':')) return parseIp(hop);
  return isPortSuffix(hop.slice(colon)) ? parseIp(hop.slice(0, colon)) : undefined;
}

function isPortSuffix(text: string): boolean {
  return text === '' || (text.startsWith(':') && parseDecimal(text.slice(1), 65_535) !== undefined);
}
