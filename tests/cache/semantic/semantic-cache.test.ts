import { describe, expect, it } from 'vitest';
import {
  createSemanticCache,
  type Prompt,
  type SemanticCacheOptions,
  type VectorMatch,
  type VectorStage,
} from '../../../lib/cache/semantic/semantic-cache.ts';
import { createKv, type KvClient } from '../../../lib/client/kv-client.ts';
import { ConfigError, DeadlineError, StoreError } from '../../../lib/errors.ts';
import type { BreakwaterEvent } from '../../../lib/events.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Command, Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../../lib/testing/scripted-store.ts';
import { onEveryStore } from '../../support/every-store.ts';

const ASKED: Prompt = {
  prompt: 'How do I fillet a trout?',
  model: 'm-1',
  temperature: 0.5,
  system: 'Be brief.',
  tenant: 'acme',
};
const ANSWER = { value: 'Carefully.', tokensUsed: 12 };

type Options = Omit<SemanticCacheOptions<string>, 'kv'>;

const open = (kv: KvClient, options: Options = {}) =>
  createSemanticCache<string>({ kv, jitter: 0, earlyRefresh: 0, ...options });

function world(store: Store = memoryStore()) {
  const clock = manualClock();
  const sent: (readonly Command[])[] = [];
  const events: BreakwaterEvent[] = [];
  const watched: Store = {
    ...store,
    execute(commands, options) {
      sent.push(commands);
      return store.execute(commands, options);
    },
  };
  const kv = createKv({ store: watched, clock, onEvent: (event) => events.push(event) });
  return { clock, kv, sent, events };
}

/** A vector store that finds everything of a tenant and model, in the order of its coming. */
function vectors(verify: VectorStage<string>['verify']) {
  const indexed: { readonly id: string; readonly tenant: string; readonly model: string }[] = [];
  const embedded: string[] = [];
  const stage: VectorStage<string> = {
    async embed(prompt) {
      embedded.push(prompt);
      return [prompt.length];
    },
    search: async (_, { tenant, model, limit }): Promise<readonly VectorMatch[]> =>
      indexed
        .filter((one) => one.tenant === tenant && one.model === model)
        .slice(0, limit)
        .map(({ id }) => ({ id, score: 0.9 })),
    async index(id, _, { tenant, model }) {
      indexed.push({ id, tenant, model });
    },
    verify,
  };
  return { stage, indexed, embedded };
}

onEveryStore('answers of models', (current) => {
  const client = () => createKv({ store: current() });

  it('are generated once, and come from the cache in every process, with what is known of them', async () => {
    const [here, there] = [open(client()), open(client())];
    let generated = 0;
    const generate = async () => {
      generated += 1;
      return ANSWER;
    };
    const first = await here.getOrGenerate(ASKED, generate);
    expect(first).toMatchObject({ status: 'miss', match: 'generated', value: 'Carefully.' });
    await here.settled();
    const hit = {
      status: 'hit',
      match: 'exact',
      value: 'Carefully.',
      metadata: { tokens_used: 12, cached_at: expect.any(Number) },
    };
    expect(await there.getOrGenerate(ASKED, generate)).toEqual(hit);
    expect(await there.get(ASKED)).toEqual(hit);
    expect(generated).toBe(1);
  });

  it('are counted for all processes: hits, misses, their share, tokens spared, and the hits of each', async () => {
    const [here, there] = [open(client()), open(client())];
    await here.get(ASKED);
    expect(await here.set(ASKED, ANSWER)).toBe(true);
    for (const answers of [here, here, there]) await answers.get(ASKED);
    await Promise.all([here.settled(), there.settled()]);
    await there.stats();
    expect(await here.stats()).toMatchObject({ hits: 3, similarHits: 0, misses: 1, hitRate: 0.75, tokensSaved: 36 });
    expect(await there.hitsOf(ASKED)).toBe(3);
    expect(await there.hitsOf({ ...ASKED, prompt: 'else' })).toBe(0);
  });

  it('are a tenant’s own, and end together', async () => {
    const [here, there] = [open(client(), { l1: false }), open(client(), { l1: false })];
    const other = { ...ASKED, tenant: 'umbrella' };
    await here.set(ASKED, ANSWER);
    await here.set({ ...ASKED, prompt: 'second' }, ANSWER);
    expect(await there.get(other)).toEqual({ status: 'miss' });
    await here.set(other, { value: 'Never.' });
    expect(await there.clear('acme')).toEqual({ propagated: true });
    expect([(await here.get(ASKED)).status, (await here.get({ ...ASKED, prompt: 'second' })).status]).toEqual([
      'miss',
      'miss',
    ]);
    expect(await here.get(other)).toMatchObject({ value: 'Never.', metadata: { tokens_used: null } });
  });
});

describe('an answer', () => {
  it.each<[string, Partial<Prompt>]>([
    ['prompt', { prompt: 'how do I fillet a trout?' }],
    ['model', { model: 'm-2' }],
    ['temperature', { temperature: 0.6 }],
    ['temperature, also where none is said', { temperature: undefined }],
    ['system prompt', { system: 'Be brief!' }],
    ['tenant', { tenant: 'umbrella' }],
    ['parts, however they are cut', { prompt: '', system: 'Be brief.How do I fillet a trout?' }],
  ])('is for the same %s only', async (_, other) => {
    const answers = open(world().kv);
    await answers.set(ASKED, ANSWER);
    expect(await answers.get({ ...ASKED, ...other })).toEqual({ status: 'miss' });
  });

  it('with no temperature is none with the temperature 0', async () => {
    const answers = open(world().kv);
    await answers.set({ ...ASKED, temperature: undefined }, ANSWER);
    expect(await answers.get({ ...ASKED, temperature: 0 })).toEqual({ status: 'miss' });
    expect(await answers.get({ ...ASKED, temperature: undefined })).toMatchObject({ status: 'hit' });
  });

  it.each(['  How do I fillet a trout?\r\n', 'How do I fillet a trout?\n'])(
    'is for a prompt that differs in the blanks around it: %j',
    async (prompt) => {
      const answers = open(world().kv);
      await answers.set(ASKED, ANSWER);
      expect(await answers.get({ ...ASKED, prompt })).toMatchObject({ status: 'hit' });
      expect(await answers.get({ ...ASKED, prompt: 'How  do I fillet a trout?' })).toEqual({ status: 'miss' });
    },
  );

  it('is for prompts that a function of one’s own makes equal', async () => {
    const answers = open(world().kv, { normalise: (prompt) => prompt.toLowerCase() });
    await answers.set(ASKED, ANSWER);
    expect(await answers.get({ ...ASKED, prompt: ASKED.prompt.toUpperCase() })).toMatchObject({ status: 'hit' });
  });

  it('is for no prompt that a function of one’s own makes no text of', async () => {
    const answers = open(world().kv, { normalise: (() => undefined) as unknown as (prompt: string) => string });
    await expect(answers.getOrGenerate(ASKED, async () => ANSWER)).rejects.toThrow(ConfigError);
  });

  it('is fresh for a day, and ends', async () => {
    const { clock, kv } = world();
    const answers = open(kv);
    await answers.set(ASKED, ANSWER);
    clock.advance(86_400_000 - 1);
    expect(await answers.get(ASKED)).toMatchObject({ status: 'hit' });
    clock.advance(1);
    expect(await answers.get(ASKED)).toEqual({ status: 'miss' });
    await answers.set(ASKED, ANSWER);
    expect(await answers.delete(ASKED)).toEqual({ propagated: true });
    expect(await answers.get(ASKED)).toEqual({ status: 'miss' });
  });

  it('is generated once for all who ask at once', async () => {
    const answers = open(world().kv);
    let generated = 0;
    const all = await Promise.all(
      Array.from({ length: 20 }, () =>
        answers.getOrGenerate(ASKED, async () => {
          generated += 1;
          return ANSWER;
        }),
      ),
    );
    expect([generated, new Set(all.map((one) => 'value' in one && one.value))]).toEqual([1, new Set(['Carefully.'])]);
  });

  it('has up to 60 s to be generated', async () => {
    const { clock, kv } = world();
    let [begun, ended] = [false, false];
    const hung = open(kv).getOrGenerate(ASKED, () => {
      begun = true;
      return new Promise(() => {});
    });
    hung.catch(() => undefined).finally(() => (ended = true));
    // A prompt is hashed outside of this thread.
    await expect.poll(() => begun).toBe(true);
    await clock.run(59_999);
    expect(ended).toBe(false);
    await clock.run(1);
    await expect(hung).rejects.toThrow(DeadlineError);
  });

  it('of a prompt that is too long is generated each time, in its time, and asks nobody', async () => {
    const { clock, kv, sent } = world();
    const answers = open(kv, { maxPromptLength: 100, tenant: 'acme' });
    const prompt = { model: 'm-1', system: 'x'.repeat(60), prompt: 'y'.repeat(41) };
    expect(await answers.set(prompt, ANSWER)).toBe(false);
    expect(await answers.delete(prompt)).toEqual({ propagated: true });
    expect(await answers.getOrGenerate(prompt, async () => ANSWER)).toMatchObject({
      status: 'miss',
      value: 'Carefully.',
    });
    expect(await answers.get(prompt)).toEqual({ status: 'miss' });
    expect(sent.flat().map(([name]) => name)).toEqual(['HINCRBY']);
    const hung = answers.getOrGenerate(prompt, () => new Promise(() => {}));
    hung.catch(() => undefined);
    await clock.run(60_000);
    await expect(hung).rejects.toThrow(DeadlineError);
    const fits = { ...prompt, prompt: 'y'.repeat(40) };
    expect([await answers.set(fits, ANSWER), (await answers.get(fits)).status]).toEqual([true, 'hit']);
  });

  it.each<[Partial<Prompt>, string]>([
    [{ tenant: undefined }, 'tenant must be given'],
    [{ tenant: '' }, 'tenant must be given'],
    [{ model: '' }, 'model must have'],
    [{ temperature: Number.NaN }, 'temperature must be'],
  ])('is not looked for with %j', async (wrong, said) => {
    const answers = open(world().kv);
    await expect(answers.get({ ...ASKED, ...wrong })).rejects.toThrow(said);
    await expect(answers.getOrGenerate({ ...ASKED, ...wrong }, async () => ANSWER)).rejects.toThrow(ConfigError);
  });
});

const STORED = { value: 'Wrong.', tokens_used: 12, cached_at: 1, partition: 'x' };

describe('what stands in the place of an answer', () => {
  it.each<[string, unknown]>([
    ['nothing', null],
    ['a text', 'Carefully.'],
    ['an object of another kind', { answer: 'Carefully.' }],
    ['an answer of no time', { ...STORED, cached_at: '1' }],
    ['an answer of no partition', { ...STORED, partition: undefined }],
    ['an answer to no text', { ...STORED, prompt: 1 }],
    ['an answer of tokens that cannot be counted', { ...STORED, tokens_used: 1e300 }],
    ['an answer of fewer tokens than none', { ...STORED, tokens_used: -1 }],
  ])('and is %s is a miss, and is replaced', async (_, foreign) => {
    const { kv } = world();
    const first = open(kv);
    await first.set(ASKED, ANSWER);
    const [name = ''] = (await kv.command(['KEYS', '*:v:*'])) as string[];
    const text = String(await kv.command(['GET', name]));
    await kv.command(['SET', name, text.slice(0, text.indexOf('{')) + JSON.stringify(foreign)]);
    expect((await open(kv).get(ASKED)).status).toBe('miss');
    const second = open(kv);
    expect((await second.getOrGenerate(ASKED, async () => ANSWER)).status).toBe('miss');
    await second.settled();
    expect(await open(kv).get(ASKED)).toMatchObject({ status: 'hit', value: 'Carefully.' });
  });
});

describe('counts of answers', () => {
  it('are waited for by nobody, and told at most every 10 s', async () => {
    const { clock, kv, sent } = world();
    const answers = open(kv, { tally: false });
    await answers.set(ASKED, ANSWER);
    const told = () =>
      sent
        .flat()
        .filter(([name]) => name === 'HINCRBY')
        .map((command) => [command[2], command[3]]);
    for (let index = 0; index < 3; index += 1) await answers.get(ASKED);
    await answers.settled();
    expect(told()).toEqual([
      ['hits', 1],
      ['tokensSaved', 12],
      ['hits', 1],
    ]);
    clock.advance(10_000);
    await answers.get(ASKED);
    await answers.settled();
    const sums = told()
      .slice(3)
      .filter(([, count]) => count === 3);
    expect(sums).toEqual([
      ['hits', 3],
      ['hits', 3],
    ]);
  });

  it('that Redis has certainly not heard of are told again, others are not', async () => {
    const store = scriptedStore();
    const { clock, kv, sent } = world(store);
    const failures: Error[] = [
      new StoreError('network', 'refused', { mayHaveRun: false }),
      new StoreError('network', 'reset'),
    ];
    store.respond((commands) => {
      const failure = commands[0]?.[0] === 'HINCRBY' ? failures.shift() : undefined;
      return failure ?? commands.map(([name]) => (name === 'HMGET' ? [null, null] : null));
    });
    const answers = open(kv, { tally: false });
    for (let index = 0; index < 3; index += 1) {
      await answers.get(ASKED);
      await answers.settled();
      clock.advance(10_000);
    }
    const misses = sent
      .flat()
      .filter(([name]) => name === 'HINCRBY')
      .map((command) => command[3]);
    expect(misses).toEqual([1, 2, 1]);
  });

  it('are of this process alone where Redis is not to be asked', async () => {
    const { kv, sent } = world();
    const answers = open(kv, { localOnly: true });
    await answers.get(ASKED);
    await answers.set(ASKED, ANSWER);
    await answers.get(ASKED);
    expect(await answers.stats()).toMatchObject({ hits: 1, misses: 1, hitRate: 0.5, tokensSaved: 12 });
    expect(await answers.hitsOf(ASKED)).toBe(1);
    expect(sent).toEqual([]);
  });
});

describe('answers of models, with Redis away', () => {
  it('are generated, and then come from this process', async () => {
    const store = scriptedStore();
    store.respond(() => new StoreError('network', 'refused', { mayHaveRun: false }));
    const answers = open(world(store).kv);
    expect(await answers.get(ASKED)).toMatchObject({ status: 'unavailable' });
    expect(await answers.getOrGenerate(ASKED, async () => ANSWER)).toMatchObject({ status: 'miss' });
    expect(await answers.get(ASKED)).toMatchObject({ status: 'hit', value: 'Carefully.' });
    await expect(answers.stats()).rejects.toThrow();
    await expect(answers.settled()).resolves.toBeUndefined();
  });

  it('that cannot be generated reject with what the model said', async () => {
    const answers = open(world().kv);
    const failing = answers.getOrGenerate(ASKED, async () => {
      throw new Error('overloaded');
    });
    await expect(failing).rejects.toThrow('overloaded');
  });
});

describe('the text of a prompt', () => {
  it('is in no key, value, event or error', async () => {
    const { kv, sent, events } = world();
    const answers = open(kv);
    await answers.getOrGenerate(ASKED, async () => ANSWER);
    await answers.get(ASKED);
    await answers.hitsOf(ASKED);
    await answers.settled();
    const all = JSON.stringify([sent, events]);
    expect(all).toContain('Carefully');
    for (const secret of ['trout', 'brief']) expect(all).not.toContain(secret);
  });
});

describe('similar prompts', () => {
  const similarTo = { ...ASKED, prompt: 'How is a trout filleted?' };

  it('have one answer where verify says so, which is asked with both prompts', async () => {
    const asked: unknown[] = [];
    const { stage, embedded } = vectors((candidate, prompt) => {
      asked.push([candidate.prompt, candidate.score, candidate.value, prompt.prompt]);
      return true;
    });
    const answers = open(world().kv, { vector: stage });
    await answers.set(ASKED, ANSWER);
    await answers.settled();
    expect(await answers.get(similarTo)).toMatchObject({ status: 'hit', match: 'similar', value: 'Carefully.' });
    const never = async () => {
      throw new Error('generated');
    };
    expect(await answers.getOrGenerate(similarTo, never)).toMatchObject({ status: 'hit', match: 'similar' });
    expect(asked[0]).toEqual([ASKED.prompt, 0.9, 'Carefully.', similarTo.prompt]);
    expect(await answers.stats()).toMatchObject({ hits: 2, similarHits: 2, misses: 0 });
    // An exact match asks no model.
    const before = embedded.length;
    await answers.get(ASKED);
    expect(embedded).toHaveLength(before);
  });

  it('share a similar answer when they ask at once', async () => {
    const { stage } = vectors(() => true);
    const answers = open(world().kv, { vector: stage });
    await answers.set(ASKED, ANSWER);
    await answers.settled();
    const both = await Promise.all([1, 2].map(() => answers.getOrGenerate(similarTo, async () => ANSWER)));
    expect(both.map((one) => 'match' in one && one.match)).toEqual(['similar', 'similar']);
  });

  it.each<[string, Partial<VectorStage<string>>]>([
    ['verify says no', { verify: () => false }],
    ['verify answers something else than true', { verify: () => 1 as unknown as boolean }],
    ['verify throws', { verify: () => Promise.reject(new Error('x')) }],
    ['nothing is embedded', { embed: () => Promise.reject(new Error('x')) }],
    ['nothing is found', { search: async () => [] }],
    ['what is found is unknown', { search: async () => [{ id: 'x', score: 1 }] }],
    ['the search fails', { search: () => Promise.reject(new Error('x')) }],
  ])('have answers of their own where %s', async (_, broken) => {
    const { stage } = vectors(() => true);
    const { kv } = world();
    const whole = open(kv, { vector: stage });
    await whole.set(ASKED, ANSWER);
    await whole.settled();
    const answers = open(kv, { vector: { ...stage, ...broken } });
    expect(await answers.get(similarTo)).toEqual({ status: 'miss' });
    expect(await answers.getOrGenerate(similarTo, async () => ({ value: 'Own.' }))).toMatchObject({
      match: 'generated',
    });
  });

  it.each<[string, Partial<Prompt>]>([
    ['tenant', { tenant: 'umbrella' }],
    ['model', { model: 'm-2' }],
    ['temperature', { temperature: 1 }],
    ['system prompt', { system: 'Be long.' }],
  ])('never have an answer of another %s, though the vector store mixes all up', async (_, other) => {
    const { stage, indexed } = vectors(() => true);
    const search = async () => indexed.map(({ id }) => ({ id, score: 1 }));
    const answers = open(world().kv, { vector: { ...stage, search } });
    await answers.set(ASKED, ANSWER);
    await answers.settled();
    expect(await answers.get(similarTo)).toMatchObject({ status: 'hit' });
    expect(await answers.get({ ...similarTo, ...other })).toEqual({ status: 'miss' });
  });

  it('are not waited for longer than timeoutMs, and cost the answer nothing', async () => {
    const { clock, kv } = world();
    const { stage } = vectors(() => true);
    let searched = false;
    const search = () => {
      searched = true;
      return new Promise<never>(() => {});
    };
    const answers = open(kv, { vector: { ...stage, search, timeoutMs: 500 } });
    const asked = answers.getOrGenerate(ASKED, async () => ANSWER);
    let done = false;
    asked.then(() => (done = true));
    await expect.poll(() => searched).toBe(true);
    await clock.run(499);
    expect(done).toBe(false);
    await clock.run(1);
    expect(await asked).toMatchObject({ match: 'generated' });
  });

  it('do not keep an answer from being made anew when it is old', async () => {
    const { clock, kv } = world();
    const { stage } = vectors(() => true);
    const answers = open(kv, { vector: stage, ttlMs: 1_000, swrMs: 1_000 });
    await answers.set({ ...ASKED, prompt: 'else' }, { value: 'Else.' });
    await answers.set(ASKED, ANSWER);
    await answers.settled();
    clock.advance(1_500);
    const generate = async () => ({ value: 'Anew.' });
    expect(await answers.getOrGenerate(ASKED, generate)).toMatchObject({ status: 'hit', value: 'Carefully.' });
    await answers.settled();
    expect(await answers.get(ASKED)).toMatchObject({ match: 'exact', value: 'Anew.' });
  });

  it('end with their tenant', async () => {
    const { stage } = vectors(() => true);
    const answers = open(world().kv, { vector: stage });
    await answers.set(ASKED, ANSWER);
    await answers.settled();
    await answers.clear('acme');
    expect(await answers.get(similarTo)).toEqual({ status: 'miss' });
  });

  it('are looked for with a verify only, and within bounds', () => {
    const { kv } = world();
    const { stage } = vectors(() => true);
    const { verify: _, ...unverified } = stage;
    expect(() => open(kv, { vector: unverified as VectorStage<string> })).toThrow('vector.verify must be given');
    expect(() => open(kv, { vector: { ...stage, limit: 0 } })).toThrow('vector.limit must be');
    expect(() => open(kv, { vector: { ...stage, timeoutMs: 0 } })).toThrow('vector.timeoutMs must be');
    expect(() => open(kv, { maxPromptLength: 0 })).toThrow('maxPromptLength must be');
  });
});
