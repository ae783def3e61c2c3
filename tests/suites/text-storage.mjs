/**
 * Texts under keys with a prefix: what the drivers of other libraries ask of a storage, on a client of ours.
 *
 * @param {import('../../dist/lib/client/kv-client.js').KvClient} kv
 * @param {string} prefix with a hash tag, `{app}:`. On a Redis Cluster MGET, DEL and SCAN have their keys in one slot: all
 *   that is stored with one prefix lies on one primary there, and listing and clearing it ask that one alone.
 */
export function textStorage(kv, prefix) {
  const full = (key) => prefix + key;
  return {
    async get(key) {
      return (await kv.command(['GET', full(key)])) ?? undefined;
    },
    async getMany(keys) {
      if (keys.length === 0) return [];
      return (await kv.command(['MGET', ...keys.map(full)])).map((value) => value ?? undefined);
    },
    async set(key, value, ttlMs) {
      const expiry = ttlMs === undefined ? [] : ['PX', Math.ceil(ttlMs)];
      return (await kv.command(['SET', full(key), value, ...expiry])) === 'OK';
    },
    async delete(keys) {
      return keys.length === 0 ? 0 : kv.command(['DEL', ...keys.map(full)]);
    },
    async pull(key) {
      return (await kv.command(['GETDEL', full(key)])) ?? undefined;
    },
    async has(key) {
      return (await kv.command(['EXISTS', full(key)])) === 1;
    },
    /** Every key below `within`, without the prefix. */
    async *keys(within) {
      const pattern = `${full(within).replaceAll(/[*?[\]\\]/g, '\\$&')}*`;
      let cursor = '0';
      do {
        const [next, names] = await kv.command(['SCAN', cursor, 'MATCH', pattern, 'COUNT', 100]);
        for (const name of names) yield name.slice(prefix.length);
        cursor = next;
      } while (cursor !== '0');
    },
    async clear(within) {
      const names = [];
      for await (const name of this.keys(within)) names.push(name);
      await this.delete(names);
    },
  };
}
