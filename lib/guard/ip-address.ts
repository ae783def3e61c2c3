/** An address in canonical form: an IPv4-mapped IPv6 address is the IPv4 address that it stands for. */
export interface IpAddress {
  readonly version: 4 | 6;
  /** Network order: 4 or 16 octets. */
  readonly bytes: readonly number[];
}

/** A block of addresses of one version; `::/0` holds no IPv4 address. */
export interface Cidr {
  /** The first address of the block: bits beyond the prefix are zero. */
  readonly address: IpAddress;
  readonly prefixLength: number;
}

/** `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`, the longest text that can be an address. */
const MAX_TEXT = 45;

/**
 * Reads one bare address. Refuses what parsers disagree about: leading zeros and fewer than four octets in IPv4, zone
 * ids, brackets, ports, spaces.
 * `::ffff:192.0.2.1` is the same address as `192.0.2.1`.
 */
export function parseIp(text: string): IpAddress | undefined {
  if (text.length > MAX_TEXT) return undefined;
  if (!text.includes(':')) return v4(parseOctets(text));
  const bytes = parseGroups(text);
  if (bytes === undefined) return undefined;
  return isMapped(bytes) ? v4(bytes.slice(12)) : { version: 6, bytes };
}

/** Reads `192.0.2.0/24`, `2001:db8::/32` or a bare address, which is a block of one. Bits beyond the prefix are cleared. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const addressText = slash === -1 ? text : text.slice(0, slash);
  const address = parseIp(addressText);
  if (address === undefined) return undefined;
  const width = address.bytes.length * 8;
  if (slash === -1) return { address, prefixLength: width };
  const written = parseDecimal(text.slice(slash + 1), 128);
  if (written === undefined) return undefined;
  // `::ffff:192.0.2.0/120` counts its prefix in IPv6 bits. One that reaches above the mapped range has no IPv4 form.
  const prefixLength = address.version === 4 && addressText.includes(':') ? written - 96 : written;
  if (prefixLength < 0 || prefixLength > width) return undefined;
  return { address: maskIp(address, prefixLength), prefixLength };
}

export function cidrContains(cidr: Cidr, ip: IpAddress): boolean {
  if (cidr.address.version !== ip.version) return false;
  const { bytes } = maskIp(ip, cidr.prefixLength);
  return cidr.address.bytes.every((byte, index) => byte === bytes[index]);
}

/** The first address of the block of `prefixLength` bits that `ip` is in. */
export function maskIp(ip: IpAddress, prefixLength: number): IpAddress {
  const bytes = ip.bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefixLength - index * 8));
    return byte & (0xff << (8 - kept)) & 0xff;
  });
  return { version: ip.version, bytes };
}

/** The one text of an address: dotted IPv4, or IPv6 as RFC 5952 section 4 writes it. */
export function formatIp(ip: IpAddress): string {
  if (ip.version === 4) return ip.bytes.join('.');
  const groups: number[] = [];
  for (let index = 0; index < 16; index += 2) {
    groups.push(((ip.bytes[index] ?? 0) << 8) | (ip.bytes[index + 1] ?? 0));
  }
  const zeros = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (zeros.length < 2) return hex.join(':');
  return `${hex.slice(0, zeros.start).join(':')}::${hex.slice(zeros.start + zeros.length).join(':')}`;
}

function v4(bytes: readonly number[] | undefined): IpAddress | undefined {
  return bytes && { version: 4, bytes };
}

function isMapped(bytes: readonly number[]): boolean {
  return bytes.every((byte, index) => index >= 12 || byte === (index < 10 ? 0 : 0xff));
}

function parseOctets(text: string): number[] | undefined {
  const octets = text.split('.').map((part) => parseDecimal(part, 255));
  return octets.length === 4 && octets.every((octet) => octet !== undefined) ? octets : undefined;
}

/** The 16 octets of an IPv6 text; `::` stands for one zero group or more, once. */
function parseGroups(text: string): number[] | undefined {
  const gap = text.indexOf('::');
  if (gap === -1) {
    const bytes = parseGroupList(text, true);
    return bytes?.length === 16 ? bytes : undefined;
  }
  if (text.includes('::', gap + 1)) return undefined;
  const head = gap === 0 ? [] : parseGroupList(text.slice(0, gap), false);
  const tail = gap + 2 === text.length ? [] : parseGroupList(text.slice(gap + 2), true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  return missing < 2 ? undefined : [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** Groups between colons; the last may be a dotted IPv4 address where it ends the text. */
function parseGroupList(text: string, endsText: boolean): number[] | undefined {
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const isDotted = endsText && index === parts.length - 1 && part.includes('.');
    const next = isDotted ? parseOctets(part) : parseGroup(part);
    if (next === undefined) return undefined;
    bytes.push(...next);
  }
  return bytes;
}

function parseGroup(text: string): [number, number] | undefined {
  if (text.length === 0 || text.length > 4) return undefined;
  let group = 0;
  for (const character of text) {
    const digit = '0123456789abcdef'.indexOf(character.toLowerCase());
    if (digit === -1) return undefined;
    group = group * 16 + digit;
  }
  return [group >> 8, group & 0xff];
}

/** A decimal number without sign or leading zero, as addresses, prefixes and ports write it. */
export function parseDecimal(text: string, max: number): number | undefined {
  if (text.length === 0 || text.length > 5 || (text.length > 1 && text.startsWith('0'))) return undefined;
  let value = 0;
  for (const character of text) {
    const digit = '0123456789'.indexOf(character);
    if (digit === -1) return undefined;
    value = value * 10 + digit;
  }
  return value > max ? undefined : value;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > longest.length) longest = { start: index - length + 1, length };
  }
  return longest;
}
