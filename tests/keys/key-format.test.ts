import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createKeyFormat, displayOf, holdsKey, type KeyFormat, MAX_KEY_LENGTH } from '../../lib/keys/key-format.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const format = createKeyFormat('bw', 'live');

function base62(value: number): string {
  let text = '';
  for (let rest = value, place = 0; place < 6; place += 1, rest = Math.floor(rest / 62))
    text = `${BASE62[rest % 62]}${text}`;
  return text;
}

describe('the format of keys', () => {
  it('is prefix, environment, 32 random characters and their CRC-32 as zip computes it', () => {
    for (let turn = 0; turn < 200; turn += 1) {
      const key = format.generate();
      expect(key).toMatch(/^bw_live_[0-9A-Za-z]{38}$/);
      expect(key.slice(-6)).toBe(base62(crc32(key.slice(0, -6))));
      expect(format.accepts(key)).toBe(true);
    }
  });

  it('never gives the same key twice', () => {
    expect(new Set(Array.from({ length: 2_000 }, () => format.generate())).size).toBe(2_000);
  });

  it('refuses a key in which any one character was changed', () => {
    fc.assert(
      fc.property(fc.nat({ max: 45 }), fc.string({ minLength: 1, maxLength: 1 }), (place, char) => {
        const key = format.generate();
        fc.pre(key[place] !== char);
        expect(format.accepts(key.slice(0, place) + char + key.slice(place + 1))).toBe(false);
      }),
    );
  });

  it.each([
    ['nothing', () => ''],
    ['a key cut short', (key: string) => key.slice(0, -1)],
    ['a key with more behind it', (key: string) => `${key}0`],
    ['a key with a line end', (key: string) => `${key}\n`],
    ['a key with a blank in front', (key: string) => ` ${key}`],
    ['a key in other case', (key: string) => key.toUpperCase()],
    ['two keys', (key: string) => `${key}, ${key}`],
    ['a megabyte', () => 'bw_live_'.padEnd(1_000_000, '0')],
    ['another environment', () => createKeyFormat('bw', 'test').generate()],
    ['another prefix of the same length', () => createKeyFormat('bx', 'live').generate()],
    ['digits of another script', (key: string) => `${key.slice(0, -1)}\u0661`],
  ])('refuses %s', (_what, make) => {
    expect(format.accepts(make(format.generate()))).toBe(false);
  });

  it('never throws, and accepts no text that it has not made', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => !format.accepts(text)));
    fc.assert(
      fc.property(fc.stringMatching(/^bw_live_[0-9A-Za-z]{38}$/), (text) => {
        expect(format.accepts(text)).toBe(text.slice(-6) === base62(crc32(text.slice(0, -6))));
      }),
    );
  });

  it('stays within the greatest length of a key, whatever the labels', () => {
    expect(createKeyFormat('a'.repeat(16), 'b'.repeat(16)).generate().length).toBeLessThanOrEqual(MAX_KEY_LENGTH);
  });

  it.each(['', 'A', '1a', 'a_b', 'a-b', 'a'.repeat(17), 'é'])('refuses the label %j', (label) => {
    const refused = (setting: string) =>
      expect.objectContaining({ setting, message: `${setting} must be 1 to 16 lower-case letters and digits` });
    expect(() => createKeyFormat(label, 'live')).toThrow(refused('prefix'));
    expect(() => createKeyFormat('bw', label)).toThrow(refused('env'));
  });

  it('is found in the middle of a text, whatever its labels, and nothing else that looks like it', () => {
    const [key, other] = [format.generate(), createKeyFormat('other', 'test').generate()];
    for (const text of [key, `of ${key}.`, `my_${key}`, `"${other}"`, `${key.slice(0, -1)} ${other}`]) {
      expect(holdsKey(text)).toBe(true);
    }
    const wrong = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;
    for (const text of ['', 'bw_live_', key.slice(0, -1), wrong, `bw_live_${'0'.repeat(38)}`, displayOf(key, format)]) {
      expect(holdsKey(text)).toBe(false);
    }
  });

  it.each([
    ['a line break', '\n'],
    ['a tab', '\t'],
    ['a control character', '\u001b'],
    ['letters', 'key'],
    ['more letters than a prefix has', 'x'.repeat(40)],
    ['the beginning of what looks like another', `a_b_${'0'.repeat(36)}`],
  ])('is found right behind %s, in JSON too', (_what, before) => {
    const text = before + format.generate();
    expect([holdsKey(text), holdsKey(JSON.stringify({ text }))]).toEqual([true, true]);
  });

  it('shows its prefix and its last four characters, and no more', () => {
    const key = format.generate();
    expect(displayOf(key, format)).toBe(`bw_live_…${key.slice(-4)}`);
  });
});

describe("a format of one's own", () => {
  const seen: string[] = [];
  const legacy: KeyFormat = {
    generate: () => `sk_${crypto.randomUUID()}_${crypto.randomUUID()}`,
    accepts(text) {
      seen.push(text);
      return text.startsWith('sk_');
    },
  };

  it('issues and accepts keys as it says, and shows nothing of them but their end', async () => {
    const keys = createApiKeys({ kv: createKv({ store: memoryStore() }), format: legacy });
    const { key, record } = await keys.create({ owner: 'a' });
    expect(key).toMatch(/^sk_/);
    expect(record.display).toBe(`…${key.slice(-4)}`);
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
    expect(await keys.validate('bw_live_x')).toEqual({ status: 'INVALID', reason: 'malformed' });
    expect((await keys.rotate(key))?.record.display).toMatch(/^….{4}$/);
  });

  it('is shown no text that is too long for a key', async () => {
    const keys = createApiKeys({ kv: createKv({ store: memoryStore() }), format: legacy });
    seen.length = 0;
    expect(await keys.validate(`sk_${'x'.repeat(510)}`)).toEqual({ status: 'INVALID', reason: 'malformed' });
    expect(seen).toEqual([]);
    await keys.validate(`sk_${'x'.repeat(509)}`);
    expect(seen).toHaveLength(1);
  });
});
