/** The account of requests without a trustworthy address: one for all of them, and never exempt. */
export const UNKNOWN_CLIENT = 'unknown-client';

/**
 * What may be told of a client's address: without its last part, so that it names a neighbourhood and nobody in it.
 * `203.0.113.7` is `203.0.113.*`; of IPv6 the first 48 bits are left, which are a site. `other` for what is no address.
 *
 * @param address canonical text, as `createClientIp` writes it
 */
export function accountLabel(address: string): string {
  if (address === UNKNOWN_CLIENT) return address;
  const end = address.includes(':') ? endOfSite(address) : address.lastIndexOf('.');
  if (end <= 0) return 'other';
  return address.includes(':') ? `${address.slice(0, end)}:*` : `${address.slice(0, end)}.*`;
}

/** Where the third group ends, or the groups that are written do. */
function endOfSite(address: string): number {
  let end = -1;
  for (let groups = 0; groups < 3; groups += 1) {
    const next = address.indexOf(':', end + 1);
    if (next === -1 || next === end + 1) return end;
    end = next;
  }
  return end;
}
