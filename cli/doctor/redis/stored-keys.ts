import { createKeyNames } from '../../../lib/keys/key-names.ts';
import { readIdRecord } from '../../../lib/keys/record.ts';
import type { Check, OnlineContext } from '../check.ts';
import { finding, ok, type Said, skipped } from '../finding.ts';

/** From either end of the index. */
const SAMPLE = 25;
const PLAIN = 'plain';

/** Whether keys are on record, whole, and under peppers that are known. Reads records, and prints nothing of them but names of peppers. */
export const storedKeysCheck: Check<OnlineContext> = {
  name: 'API keys',
  group: 'Data',
  async run({ redis, settings, refused }): Promise<readonly Said[]> {
    if (refused.has('BREAKWATER_NAMESPACE')) return [skipped('where they stand is not known: see settings')];
    if (settings.keys.list) return [ok(`${settings.keys.list.length} in BREAKWATER_STATIC_KEYS`)];
    const names = createKeyNames(settings.namespace);
    const [sentinel, count, oldest, newest] = await redis.attempt([
      ['EXISTS', names.sentinel],
      ['ZCARD', names.index],
      ['ZRANGE', names.index, 0, SAMPLE - 1],
      ['ZRANGE', names.index, -SAMPLE, -1],
    ]);
    if (typeof sentinel !== 'number' || typeof count !== 'number') return [skipped('they may not be looked at')];
    const lost = 'Restore the last backup; without one issue the keys again. See maxmemory-policy and persistence';
    if (sentinel === 0 && count > 0) {
      const what = 'Keys are in the index, and what says that the store is whole is gone: data was lost';
      return [finding('key-store-lost', what, lost)];
    }
    if (sentinel === 0) {
      const what = 'No API key has ever been made here, or all was lost';
      const fix = 'Make the first one; were there some, look at BREAKWATER_NAMESPACE';
      return [finding('key-store-empty', what, fix, 'npx breakwater keys create --owner <name> --init')];
    }
    const ids = [...new Set([oldest, newest].flatMap((reply) => (Array.isArray(reply) ? reply.map(String) : [])))];
    if (ids.length === 0) return [ok('none is active')];
    const texts = (await redis.attempt(ids.map((id) => ['GET', names.id(id)] as const))).filter(isTextOrNothing);
    if (texts.includes(null)) {
      const what = `${texts.filter((text) => text === null).length} of ${texts.length} keys that were looked at have no record any more`;
      return [finding('key-store-lost', what, lost)];
    }
    if (refused.has('BREAKWATER_KEY_PEPPER')) return [skipped('their peppers are not known: see settings')];
    const known = new Set((settings.keys.pepper ?? [PLAIN]).map((one) => (typeof one === 'string' ? one : one.kid)));
    const kids = texts.map((text) => (readIdRecord(text)?.digests ?? []).map(({ kid }) => kid));
    const strange = kids.filter((of) => of.length > 0 && !of.some((kid) => known.has(kid)));
    if (strange.length === 0) return [ok(`${count} on record, those looked at under peppers that are known`)];
    const missing = [...new Set(strange.flat())].filter((kid) => /^[a-z0-9]{1,16}$/i.test(kid)).sort();
    const what = `${strange.length} of ${texts.length} keys that were looked at are under a pepper that is not set (${missing.join(', ')}): they are refused as unknown`;
    const fix =
      missing.join() === PLAIN
        ? 'Set BREAKWATER_KEY_PEPPER_PREVIOUS to plain'
        : 'Put that pepper, name and secret, into BREAKWATER_KEY_PEPPER, or into BREAKWATER_KEY_PEPPER_PREVIOUS if there is a newer one';
    return [finding('unknown-pepper', what, fix)];
  },
};

function isTextOrNothing(reply: unknown): reply is string | null {
  return typeof reply === 'string' || reply === null;
}
