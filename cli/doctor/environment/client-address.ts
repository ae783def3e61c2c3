import type { Check, DoctorContext } from '../check.ts';
import { type Finding, finding, ok, type Said, skipped } from '../finding.ts';

/** Blocks larger than these are nobody's own proxies. */
const MIN_BITS = { v4: 8, v6: 16 };

/** Whose word is taken for a client's address. */
export const clientAddressCheck: Check = {
  name: 'client IP',
  group: 'Environment',
  async run(context): Promise<readonly Said[]> {
    if (context.refused.has('TRUSTED_PROXIES')) return [skipped('not known: see settings')];
    const findings = [...contradiction(context), ...everyone(context), ...exempt(context), ...nobody(context)];
    if (findings.length > 0) return findings;
    const { clientIp } = context.settings;
    if (clientIp === undefined) return [ok('taken from nobody while you develop: all clients share one account')];
    return [ok(typeof clientIp === 'string' ? `taken from ${clientIp}` : 'taken from proxies of your own')];
  },
};

function contradiction({ read }: DoctorContext): readonly Finding[] {
  const [source, proxies] = [read('CLIENT_IP_SOURCE'), read('TRUSTED_PROXIES')];
  if (source !== 'vercel' && source !== 'cloudflare') return [];
  if (proxies !== undefined) {
    const what = `CLIENT_IP_SOURCE is ${source}, so that TRUSTED_PROXIES is not looked at`;
    return [finding('client-ip-contradiction', what, 'Unset the one that is not meant')];
  }
  const platform = read('VERCEL') ? 'vercel' : read('CF_PAGES') ? 'cloudflare' : undefined;
  if (source !== 'vercel' || platform !== 'cloudflare') return [];
  const what = 'CLIENT_IP_SOURCE is vercel, on Cloudflare: anybody can send the header that is believed there';
  return [finding('client-ip-contradiction', what, 'Set it to cloudflare, or unset it: it is found there by itself')];
}

function everyone({ settings: { clientIp } }: DoctorContext): readonly Finding[] {
  const blocks = typeof clientIp === 'object' ? clientIp.trustedProxies : [];
  if (!blocks.some(isWide)) return [];
  const what = 'TRUSTED_PROXIES trusts strangers: anybody names the address that limits are counted by';
  return [finding('trusts-everyone', what, 'Name the blocks of your own proxies only, such as 10.0.0.0/8')];
}

function exempt({ settings: { lists } }: DoctorContext): readonly Finding[] {
  if (!(lists.allow ?? []).some(isWide)) return [];
  const what = 'BREAKWATER_ALLOW lets strangers pass: no limit holds for the addresses of so large a block';
  return [finding('allows-everyone', what, 'Name the addresses that are to be exempt, and no more')];
}

function isWide(block: string): boolean {
  const [address = '', bits] = block.split('/');
  return bits !== undefined && Number(bits) < (address.includes(':') ? MIN_BITS.v6 : MIN_BITS.v4);
}

function nobody({ settings: { clientIp }, production }: DoctorContext): readonly Finding[] {
  if (clientIp !== undefined || !production) return [];
  const what =
    'Nobody is trusted to name the address of a client: all of them share one account of each limit by address';
  const fix =
    'Behind proxies of your own set TRUSTED_PROXIES to their CIDR blocks, or set CLIENT_IP_SOURCE to vercel, cloudflare or proxy';
  return [finding('no-client-ip', what, fix)];
}
