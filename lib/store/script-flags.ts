/** Known to Upstash only, where it spares scripts a lock on the whole database. */
const UPSTASH_FLAG = 'allow-key-locking';

/**
 * The script as a stock Redis accepts it: without the flag `allow-key-locking` in its first line, which Redis 7 refuses
 * (`ERR Unexpected flag in script shebang`). Other flags stay. Without any flag left the first line is emptied, not
 * removed, so that line numbers in errors stay right: `#!lua` alone would turn on checks that the script never asked for.
 * A text without the flag comes back as it is. Pure.
 */
export function stripUpstashFlags(lua: string): string {
  if (!lua.startsWith('#!')) return lua;
  const end = lua.indexOf('\n');
  const shebang = end < 0 ? lua : lua.slice(0, end);
  const words = shebang.trimEnd().split(/[ \t]+/);
  const kept = words.map(withoutFlag).filter((word) => word !== 'flags=');
  if (kept.join(' ') === words.join(' ')) return lua;
  const rest = end < 0 ? '' : lua.slice(end);
  return kept.length > 1 ? kept.join(' ') + rest : rest;
}

function withoutFlag(word: string): string {
  if (!word.startsWith('flags=')) return word;
  const flags = word.slice('flags='.length).split(',');
  return `flags=${flags.filter((flag) => flag !== UPSTASH_FLAG).join(',')}`;
}
