import { ConfigError } from '../errors.ts';
import { type AccessListOptions, createAccessLists } from '../guard/access-lists.ts';
import { type ClientIpSource, createClientIp } from '../guard/client-ip.ts';
import { type Read, readList, underName } from './variables.ts';

/** Whose word is taken for a client's address. @throws ConfigError naming the variable. */
export function readClientIp(read: Read): ClientIpSource | undefined {
  const proxies = read('TRUSTED_PROXIES');
  const source = read('CLIENT_IP_SOURCE') ?? (proxies ? 'proxy' : platformOf(read));
  switch (source) {
    case undefined:
      return undefined;
    case 'vercel':
    case 'cloudflare':
    case 'connection':
      return source;
    case 'proxy': {
      const trustedProxies = readList(proxies ?? '');
      if (proxies !== undefined && trustedProxies.length === 0) {
        throw new ConfigError('TRUSTED_PROXIES', 'must name a block, or be unset to trust the last proxy only');
      }
      try {
        createClientIp({ source: { trustedProxies } });
      } catch {
        throw new ConfigError('TRUSTED_PROXIES', 'must be a list of CIDR blocks, separated by commas');
      }
      return { trustedProxies };
    }
    default:
      throw new ConfigError('CLIENT_IP_SOURCE', 'must be vercel, cloudflare, connection or proxy');
  }
}

/** Who is never refused by a limit, and who always is. @throws ConfigError naming the variable. */
export function readAccessLists(read: Read): AccessListOptions {
  const lists = { allow: readList(read('BREAKWATER_ALLOW') ?? ''), deny: readList(read('BREAKWATER_DENY') ?? '') };
  underName({ 'lists.allow': 'BREAKWATER_ALLOW', 'lists.deny': 'BREAKWATER_DENY' }, () => createAccessLists(lists));
  return lists;
}

function platformOf(read: Read): string | undefined {
  if (read('VERCEL')) return 'vercel';
  return read('CF_PAGES') ? 'cloudflare' : undefined;
}
