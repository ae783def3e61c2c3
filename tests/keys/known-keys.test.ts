import { describe, expect, it } from 'vitest';
import { instant } from '../../lib/clock.ts';
import { createKnownKeys } from '../../lib/keys/known-keys.ts';
import type { DigestRecord } from '../../lib/keys/record.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const ACTIVE: DigestRecord = {
  v: 1,
  status: 'active',
  id: 'k',
  owner: 'o',
  scopes: [],
  limits: {},
  config: null,
  dailyQuota: null,
  kid: 'k1',
  generation: 1,
  createdAt: 1,
  expiresAt: null,
  display: 'd',
};
const REVOKED: DigestRecord = { v: 1, status: 'revoked', id: 'k', generation: 2 };

function knownKeys(maxEntries = 10) {
  const clock = manualClock();
  const known = createKnownKeys({ clock, maxEntries, freshMs: 10, staleMs: 100, negativeMs: 30, tombstoneMs: 200 });
  return { clock, known };
}

describe('what a process knows of keys', () => {
  it('is fresh, then stale, then forgotten, on both sides of each boundary', () => {
    const { clock, known } = knownKeys();
    known.note('d', ACTIVE);
    clock.advance(9);
    expect([known.fresh('d'), known.stale('d')]).toEqual([ACTIVE, ACTIVE]);
    clock.advance(1);
    expect([known.fresh('d'), known.stale('d')]).toEqual([undefined, ACTIVE]);
    clock.advance(89);
    expect(known.stale('d')).toEqual(ACTIVE);
    clock.advance(1);
    expect(known.stale('d')).toBeUndefined();
  });

  it('ages while the process is suspended, and not by a clock set back', () => {
    const { clock, known } = knownKeys();
    known.note('d', ACTIVE);
    clock.suspend(10);
    expect(known.fresh('d')).toBeUndefined();
    known.note('e', ACTIVE);
    clock.jumpWall(-1_000_000);
    clock.advance(100);
    expect(known.stale('e')).toBeUndefined();
  });

  it('asks again about a key that was changed here, and takes it for revoked no more than before', () => {
    const { known } = knownKeys();
    known.note('d', ACTIVE);
    known.supersede('k', 2, 'outdated');
    expect([known.fresh('d'), known.stale('d')]).toEqual([undefined, undefined]);
    // An answer from before the change, and one from after it.
    known.note('d', ACTIVE);
    expect(known.fresh('d')).toBeUndefined();
    const changed = { ...ACTIVE, generation: 2 };
    known.note('d', changed);
    expect([known.fresh('d'), known.stale('d')]).toEqual([changed, changed]);
    // An earlier change that is told of later says nothing new.
    known.supersede('k', 1, 'outdated');
    expect(known.fresh('d')).toEqual(changed);
    known.note('e', ACTIVE);
    expect(known.fresh('e')).toBeUndefined();
  });

  it('believes all again when what was ended here has been so for longer than answers are under way', () => {
    const { clock, known } = knownKeys();
    known.supersede('k', 2, 'revoked');
    clock.advance(199);
    known.note('d', ACTIVE);
    expect(known.fresh('d')).toMatchObject({ status: 'revoked' });
    clock.advance(1);
    expect(known.fresh('d')).toEqual(ACTIVE);
  });

  it('forgets a key when told to, and no revocation of one', () => {
    const { known } = knownKeys();
    known.note('d', ACTIVE);
    known.note('e', REVOKED);
    known.noteAbsent('f');
    for (const digest of ['d', 'e', 'f']) known.forget(digest);
    expect(['d', 'e', 'f'].map(known.fresh)).toEqual([undefined, REVOKED, undefined]);
    expect(known.size).toBe(1);
  });

  it('remembers as many changes as it may before answers from before one of them are over', () => {
    const { clock, known } = knownKeys(3);
    known.note('d', ACTIVE);
    clock.advance(1);
    for (const id of ['a', 'b', 'c', 'a', 'b']) known.supersede(id, 2, 'revoked');
    expect(known.fresh('d')).toEqual(ACTIVE);
    known.supersede('e', 2, 'revoked');
    expect([known.fresh('d'), known.stale('d')]).toEqual([undefined, undefined]);
  });

  it('takes the later of two answers that were asked for at the same time', () => {
    const { known } = knownKeys();
    known.note('d', ACTIVE);
    const other = { ...ACTIVE, owner: 'another' };
    known.note('d', other);
    expect(known.fresh('d')).toEqual(other);
    known.noteAbsent('d');
    expect(known.fresh('d')).toBe('absent');
    known.note('d', ACTIVE);
    expect(known.fresh('d')).toEqual(ACTIVE);
  });

  it('takes an absent key for absent for its time, unless it is created', () => {
    const { clock, known } = knownKeys();
    known.noteAbsent('d');
    known.noteAbsent('e');
    known.forgetAbsent('e');
    expect([known.fresh('d'), known.fresh('e')]).toEqual(['absent', undefined]);
    clock.advance(30);
    expect(known.fresh('d')).toBeUndefined();
  });

  it('never passes an absent key on an old answer', () => {
    const { known } = knownKeys();
    known.note('d', ACTIVE);
    known.noteAbsent('d');
    expect([known.fresh('d'), known.stale('d')]).toEqual(['absent', undefined]);
  });

  it('keeps a revocation against every other answer, for its time', () => {
    const { clock, known } = knownKeys();
    known.note('d', REVOKED);
    known.note('d', ACTIVE);
    known.noteAbsent('d');
    known.forget('d');
    clock.advance(199);
    expect([known.fresh('d'), known.stale('d')]).toEqual([REVOKED, REVOKED]);
    clock.advance(1);
    expect([known.fresh('d'), known.stale('d')]).toEqual([undefined, undefined]);
  });

  it.each([1, 9_999, 25_000])('lets a key that was ended here pass no more, whatever else is: %i keys', (others) => {
    const { clock, known } = knownKeys();
    known.note('d', ACTIVE);
    known.supersede('k', 2, 'revoked');
    for (let index = 0; index < others; index += 1) known.supersede(`other ${index}`, 2, 'revoked');
    expect(known.fresh('d')).not.toEqual(ACTIVE);
    clock.advance(99);
    expect(known.stale('d')).not.toEqual(ACTIVE);
    // An answer that was under way when the last of them was ended.
    known.note('late', { ...ACTIVE, id: `other ${others - 1}` });
    expect(known.stale('late')).toMatchObject({ status: 'revoked' });
  });

  it('is bounded, and unknown keys push out none that are valid', () => {
    const { known } = knownKeys(3);
    known.note('valid', ACTIVE);
    for (let index = 0; index < 100; index += 1) known.noteAbsent(`guess${index}`);
    expect(known.fresh('valid')).toEqual(ACTIVE);
    expect(known.fresh('guess0')).toBeUndefined();
    expect(known.fresh('guess99')).toBe('absent');
    for (let index = 0; index < 100; index += 1) known.note(`d${index}`, ACTIVE);
    expect(known.size).toBe(3);
  });

  it('believes no answer again that a revocation has ended, however many have been made since', () => {
    const { clock, known } = knownKeys(3);
    known.note('d', ACTIVE);
    clock.advance(1);
    for (const id of ['k', 'l', 'm', 'n', 'o', 'p']) known.supersede(id, 2, 'revoked');
    expect([known.fresh('d'), known.stale('d')]).toEqual([undefined, undefined]);
    clock.advance(1);
    known.note('e', ACTIVE);
    expect(known.fresh('e')).toEqual(ACTIVE);
  });

  it('believes an answer under way that such a revocation has ended no more than one that was there', () => {
    const { clock, known } = knownKeys(3);
    const before = instant(clock);
    clock.advance(1);
    for (const id of ['k', 'l', 'm', 'n']) known.supersede(id, 2, 'revoked');
    known.note('d', ACTIVE, before);
    expect([known.fresh('d'), known.stale('d')]).toEqual([undefined, undefined]);
  });

  it('takes no answer to an earlier question for news, unless it is of a revocation or a later generation', () => {
    const { clock, known } = knownKeys();
    const before = instant(clock);
    clock.advance(1);
    known.noteAbsent('gone');
    known.note('gone', ACTIVE, before);
    expect([known.fresh('gone'), known.stale('gone')]).toEqual(['absent', undefined]);
    known.note('there', ACTIVE);
    known.noteAbsent('there', before);
    known.note('there', { ...ACTIVE, owner: 'before' }, before);
    expect(known.fresh('there')).toEqual(ACTIVE);
    known.note('there', { ...ACTIVE, generation: 2 }, before);
    expect(known.fresh('there')).toMatchObject({ generation: 2 });
    known.note('there', REVOKED, before);
    expect(known.fresh('there')).toEqual(REVOKED);
  });
});
