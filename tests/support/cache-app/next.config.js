import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(`./package/lib/next/${name}.js`, import.meta.url));

export default {
  cacheComponents: true,
  cacheMaxMemorySize: 0,
  cacheHandler: path('incremental-cache-handler'),
  cacheHandlers: { remote: path('cache-handler') },
};
