import { describe, expect, it } from 'vitest';
import { createTagManifest } from '../../../lib/next/cache-handlers/tag-manifest.ts';

const known = (reply: readonly unknown[], maxTags = 10) => {
  const manifest = createTagManifest(maxTags);
  expect(manifest.absorb({ number: 1, from: undefined }, reply)).toBe('known');
  return manifest;
};

const at = (epoch: string, instant: number) => ({ epoch, at: instant });

describe('what a process knows of the log', () => {
  it('is nothing before it was read: every entry has ended', () => {
    const manifest = createTagManifest(10);
    expect([manifest.from, manifest.position]).toEqual([undefined, undefined]);
    expect(manifest.judge([], at('a', 5), 0)).toBe('expired');
    expect(manifest.judge([], undefined, 0)).toBe('expired');
  });

  it('judges entries by what was revalidated after they were begun', () => {
    const manifest = known(['x:tag', '7', '~a:0', '7']);
    expect(manifest.position).toEqual(at('a', 7));
    expect(manifest.judge(['tag'], at('a', 6), 0)).toBe('expired');
    expect(manifest.judge(['tag'], at('a', 7), 0)).toBe('fresh');
    expect(manifest.judge(['other'], at('a', 6), 0)).toBe('fresh');
    expect(manifest.judge(['other'], at('b', 8), 0)).toBe('expired');
  });

  it.each([[[]], [['x:tag', '7']], [['~a:0', 'x']], [null], ['text']])(
    'is that there is none where %j comes back',
    (reply) => {
      expect(createTagManifest(10).absorb({ number: 1, from: undefined }, reply)).toBe('gone');
    },
  );

  it('grows by what comes later, whatever overtakes it', () => {
    const manifest = known(['~a:0', '5']);
    expect(manifest.absorb({ number: 3, from: 5 }, ['x:tag', '9', '~a:2', '9'])).toBe('known');
    expect(manifest.absorb({ number: 2, from: 5 }, ['x:tag', '7', '~a:1', '7'])).toBe('known');
    expect(manifest.from).toBe(9);
    expect(manifest.judge(['tag'], at('a', 8), 0)).toBe('expired');
    expect(manifest.judge([], at('a', 1), 0)).toBe('expired');
    expect(manifest.judge([], at('a', 2), 0)).toBe('fresh');
  });

  it('is asked for whole where it is of another log, and an answer from before that is not believed', () => {
    const manifest = known(['~a:0', '5']);
    expect(manifest.absorb({ number: 4, from: 5 }, ['~b:0', '6'])).toBe('other');
    expect(manifest.absorb({ number: 5, from: undefined }, ['x:tag', '3', '~b:0', '6'])).toBe('known');
    expect(manifest.absorb({ number: 3, from: undefined }, ['~a:0', '9'])).toBe('known');
    expect(manifest.position).toEqual(at('b', 6));
    expect(manifest.judge(['tag'], at('b', 2), 0)).toBe('expired');
  });

  it('is read anew when it has come to hold twice what Redis keeps', () => {
    const manifest = known(['~a:0', '5'], 2);
    const more = (number: number, tag: string) => manifest.absorb({ number, from: 5 }, [`x:${tag}`, '6', '~a:0', '6']);
    expect(['a', 'b', 'c', 'd', 'e', 'f'].map((tag, index) => more(index + 2, tag))).toEqual([
      ...Array.from({ length: 5 }, () => 'known'),
      'other',
    ]);
    expect(manifest.from).toBeUndefined();
  });
});
