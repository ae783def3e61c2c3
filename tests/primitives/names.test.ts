import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { entityName } from '../../lib/primitives/names.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';

const kv = createKv({ store: memoryStore(), namespace: 'app:' });

describe('the name of an entity', () => {
  it('has its parts as a hash tag, so that all that begins with it is in one slot', async () => {
    expect(await entityName(kv, 'lock:', 'orders', '7')).toBe('app:lock:{orders:7}');
  });

  it('keeps parts apart, and lets none of them end the hash tag', async () => {
    expect(await entityName(kv, 'lock:', 'a:b')).toBe('app:lock:{a%3Ab}');
    expect(await entityName(kv, 'lock:', '}{')).toBe('app:lock:{%7D%7B}');
    expect(await entityName(kv, 'lock:', '')).toBe('app:lock:{%}');
  });

  it('is bounded: a long part is hashed', async () => {
    expect(await entityName(kv, 'lock:', 'x'.repeat(128))).toBe(`app:lock:{${'x'.repeat(128)}}`);
    expect(await entityName(kv, 'lock:', 'x'.repeat(129))).toMatch(/^app:lock:\{sha256-[\w-]{43}\}$/);
  });
});
