import { describe, expect, it } from 'vitest';
import { cachedHandler, page, told } from '../../support/cached-handler.ts';
import { eventually } from '../../support/eventually.ts';

/** Answers held back until the test lets them go. */
function held() {
  const answers: (() => void)[] = [];
  return {
    answers,
    by: (make: () => Response | Promise<Response>) =>
      new Promise<Response>((resolve) => answers.push(() => resolve(make()))),
  };
}

describe('a thousand callers of one page that is not stored', () => {
  it('ask the handler once, and each has a response with its own body', async () => {
    const gate = held();
    const { get, asked, cache } = cachedHandler((request, call) => gate.by(async () => page()(request, call)));
    const calls = Array.from({ length: 1_000 }, () => get());
    await eventually(() => cache.stats().coalesced === 999);
    expect(gate.answers).toHaveLength(1);
    gate.answers[0]?.();
    const answers = await Promise.all(calls.map(told));
    expect(asked).toHaveLength(1);
    expect(answers.filter((answer) => answer === '200 breakwater; fwd=miss page 1')).toHaveLength(1);
    expect(answers.filter((answer) => answer === '200 breakwater; fwd=miss; collapsed page 1')).toHaveLength(999);
  });

  it('share nothing of a response that cannot be stored: each asks the handler', async () => {
    const gate = held();
    const { get, asked, cache } = cachedHandler((_request, call) => {
      const make = () => new Response(`of ${call}`, { headers: { 'set-cookie': `id=${call}` } });
      return call === 1 ? gate.by(make) : make();
    });
    const calls = Array.from({ length: 1_000 }, () => get());
    await eventually(() => cache.stats().coalesced === 999);
    gate.answers[0]?.();
    const responses = await Promise.all(calls);
    expect(asked).toHaveLength(1_000);
    expect(new Set(responses.map(({ headers }) => headers.get('set-cookie'))).size).toBe(1_000);
    expect(new Set(await Promise.all(responses.map((response) => response.text()))).size).toBe(1_000);
  });

  it('share no error: who did not ask, asks', async () => {
    for (const fail of [() => Promise.reject(new Error('broken')), () => new Response('first', { status: 500 })]) {
      const gate = held();
      const { get, cache } = cachedHandler((_request, call) => (call === 1 ? gate.by(fail) : new Response('ok')));
      const both = [get().then(told, String), get().then(told, String)];
      await eventually(() => cache.stats().coalesced === 1);
      gate.answers[0]?.();
      const answers = (await Promise.all(both)).toSorted();
      expect(answers[0]).toMatch(/^200 .*ok$/);
      expect(answers[1]).toMatch(/^500 .*first$|^Error: broken$/);
    }
  });
});

describe('a handler that takes longer than a load may', () => {
  it('is waited for by who asked it; all others ask for themselves', async () => {
    const gate = held();
    const { get, asked, cache, clock } = cachedHandler((_request, call) =>
      call === 1 ? gate.by(() => new Response('late')) : new Response(`own ${call}`),
    );
    const answers: string[] = [];
    const both = [get(), get()].map(async (response) => void answers.push(await told(response)));
    await eventually(() => cache.stats().coalesced === 1);
    await clock.run(10_000);
    await eventually(() => answers.length === 1);
    expect(answers).toEqual([expect.stringMatching(/own 2$/)]);
    expect(asked).toHaveLength(2);
    gate.answers[0]?.();
    await Promise.all(both);
    expect(answers[1]).toMatch(/late$/);
  });
});

describe('a cache whose places for loads are taken', () => {
  it('refuses nobody', async () => {
    const gate = held();
    const { get, cache, clock } = cachedHandler(
      (_request, call) => (call === 1 ? gate.by(() => new Response('first')) : new Response(`own ${call}`)),
      {},
      { maxConcurrentLoads: 1 },
    );
    const first = get('/a');
    await eventually(() => gate.answers.length === 1);
    const second = get('/b');
    await eventually(() => cache.stats().misses === 2);
    await clock.run(10_000);
    expect(await told(second)).toMatch(/^200 .*own 2$/);
    gate.answers[0]?.();
    expect(await told(first)).toMatch(/first$/);
  });
});

describe('a client that may not share promises', () => {
  it('has every caller ask the handler, and stores what it says', async () => {
    const gate = held();
    const { get, settled } = cachedHandler(
      (request, call) => gate.by(async () => page()(request, call)),
      {},
      {},
      { coalesce: 'request' },
    );
    const both = [told(get()), told(get())];
    await eventually(() => gate.answers.length === 2);
    for (const answer of gate.answers) answer();
    expect((await Promise.all(both)).toSorted()).toEqual([
      '200 breakwater; fwd=miss page 1',
      '200 breakwater; fwd=miss page 2',
    ]);
    await settled();
    expect(await told(get())).toMatch(/hit/);
  });
});
