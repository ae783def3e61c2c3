import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const PREFIX = '\0connect-redis:';

/**
 * What the suite of connect-redis imports, and what it is to get here: our store for theirs, on the Redis that the query of
 * its own import names.
 */
const connectRedisSuite = {
  name: 'connect-redis-suite',
  enforce: 'pre',
  resolveId(source, importer = '') {
    const [file, query] = importer.split('?store=');
    const isSuite = file.endsWith('/connect-redis/index_test.ts');
    if (isSuite && ['./', './testdata/server', 'redis', 'vitest'].includes(source)) return PREFIX + query;
  },
  load(id) {
    if (!id.startsWith(PREFIX)) return;
    const store = JSON.stringify(decodeURIComponent(id.slice(PREFIX.length)));
    return `import { suiteOn } from ${JSON.stringify(join(import.meta.dirname, 'connect-redis.mjs'))};
export const { RedisStore, createClient, port, connect, disconnect, expect, test } = suiteOn(${store});`;
  },
};

export default defineConfig({
  plugins: [connectRedisSuite],
  test: {
    include: ['*.test.mjs'],
    root: import.meta.dirname,
    server: { deps: { inline: [/connect-redis/] } },
  },
});
