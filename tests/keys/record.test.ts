import { describe, expect, it } from 'vitest';
import { digestRecordOf, readDigestRecord, readIdRecord, recordsOf, tombstoneOf } from '../../lib/keys/record.ts';
import { createRecordReader } from '../../lib/keys/record-reader.ts';
import { changed, idRecord, issued } from '../support/every-key-store.ts';

const END = 1_800_000_000_000;
const RECORD = idRecord({
  ...{ digests: [issued('one')], retired: [{ kid: 'k1', digest: 'd', at: 1 }] },
  ...{ expiresAt: END, dailyQuota: 5 },
});
const ACTIVE = digestRecordOf(RECORD, issued('one'));

/** Each with a value that it cannot have. */
const WRONG = {
  v: 2,
  id: 5,
  owner: null,
  scopes: [5],
  limits: [],
  dailyQuota: '5',
  generation: '1',
  createdAt: null,
  expiresAt: '1',
  display: 5,
  status: 'gone',
};

describe('what stands under a digest', () => {
  it('is read as it was written, with an end and a quota or without', () => {
    for (const over of [{}, { expiresAt: null, dailyQuota: null }]) {
      const record = { ...ACTIVE, ...over };
      expect(readDigestRecord(JSON.stringify(record))).toEqual(JSON.parse(JSON.stringify(record)));
    }
    const tombstone = tombstoneOf(RECORD);
    expect(tombstone).toEqual({ v: 1, status: 'revoked', id: RECORD.id, generation: 1 });
    expect(readDigestRecord(JSON.stringify(tombstone))).toEqual(tombstone);
  });

  it.each(Object.entries(WRONG))('is no record when its %s is %j, or is not there', (field, value) => {
    for (const wrong of [value, undefined]) {
      expect(readDigestRecord(JSON.stringify({ ...ACTIVE, [field]: wrong }))).toBeUndefined();
    }
  });

  it.each(['v', 'id', 'generation', 'status'] as const)('is no tombstone without its %s', (field) => {
    for (const wrong of [WRONG[field], undefined]) {
      expect(readDigestRecord(JSON.stringify({ ...tombstoneOf(RECORD), [field]: wrong }))).toBeUndefined();
    }
  });

  it('is no record when it is no JSON, or no object', () => {
    for (const text of [undefined, null, 5, '', 'x', 'null', '5', '[]', '"x"']) {
      expect(readDigestRecord(text)).toBeUndefined();
    }
  });

  it('ends with the digest or with the key, whichever is sooner', () => {
    const endOf = (until: number | null, expiresAt: number | null) =>
      digestRecordOf(idRecord({ expiresAt }), issued('one', { until }));
    expect(endOf(null, null)).toMatchObject({ expiresAt: null });
    expect(endOf(null, END)).toMatchObject({ expiresAt: END });
    expect(endOf(END, null)).toMatchObject({ expiresAt: END });
    expect(endOf(END - 1, END)).toMatchObject({ expiresAt: END - 1 });
    expect(endOf(END + 1, END)).toMatchObject({ expiresAt: END });
  });
});

describe('what stands under an id', () => {
  it('is read as it was written, active or revoked', () => {
    for (const status of ['active', 'revoked'] as const) {
      const record = { ...RECORD, status, digests: [issued('one'), issued('two', { until: END })] };
      expect(readIdRecord(JSON.stringify(record))).toEqual(record);
    }
  });

  it.each([
    ...Object.entries(WRONG),
    ...['digests', 'retired'].flatMap((list) =>
      [null, 'x', {}, [null], [5], [{}]].map((value) => [list, value] as const),
    ),
    ...['kid', 'digest', 'display', 'until'].map((part) => ['digests', [{ ...issued('one'), [part]: true }]] as const),
    ...['kid', 'digest', 'at'].map((part) => ['retired', [{ kid: 'k', digest: 'd', at: 1, [part]: true }]] as const),
  ])('is no record when its %s is %j, or is not there', (field, value) => {
    for (const wrong of [value, undefined]) {
      expect(readIdRecord(JSON.stringify({ ...RECORD, [field]: wrong }))).toBeUndefined();
    }
  });

  it('leads to what each of its digests does, and from one that it has no longer to a tombstone', () => {
    const before = changed(RECORD, { digests: [issued('one'), issued('two'), { ...issued('three'), kid: 'k2' }] });
    const after = changed(before, { digests: [issued('one'), issued('three')] });
    const leads = recordsOf(after, before).map(([{ kid, digest }, { status }]) => [kid, digest.slice(0, 3), status]);
    expect(leads).toEqual([
      ['k1', 'two', 'revoked'],
      ['k2', 'thr', 'revoked'],
      ['k1', 'one', 'active'],
      ['k1', 'thr', 'active'],
    ]);
    expect(recordsOf(RECORD, undefined).map(([, record]) => record)).toEqual([ACTIVE]);
  });
});

describe('a reader of records', () => {
  it('reads a text of one digest once, and a new text anew', () => {
    const read = createRecordReader();
    const text = JSON.stringify(ACTIVE);
    const first = read('d', text);
    expect(first).toMatchObject({ owner: 'acme' });
    expect(read('d', text)).toBe(first);
    expect(read('e', text)).not.toBe(first);
    expect(read('d', JSON.stringify({ ...ACTIVE, owner: 'other' }))).toMatchObject({ owner: 'other' });
    expect(read('d', 'x')).toBeUndefined();
    expect(read('f', undefined)).toBeUndefined();
  });
});
