import { createBackground } from '../../client/background.ts';
import { RETRY_MS } from '../../client/retry-after.ts';
import { ConfigError, DeadlineError } from '../../errors.ts';
import { withDeadline } from '../../resilience/deadline.ts';
import { createCache } from '../cache.ts';
import { cacheNames } from '../cache-names.ts';
import type { CacheFetch, LoadContext } from '../cache-options.ts';
import { skip } from '../loaded.ts';
import { answerCodec } from './answer-codec.ts';
import { createHitCounter } from './hit-counter.ts';
import { checkTenant, identify, normalisePrompt, type PromptIdentity, tenantTag } from './prompt-identity.ts';
import type {
  AnswerMetadata,
  CachedAnswer,
  Generate,
  Generated,
  SemanticCache,
  SemanticCacheOptions,
  SemanticFetch,
  StoredAnswer,
} from './semantic-options.ts';
import { createSimilarAnswers } from './vector-stage.ts';

export type * from './semantic-options.ts';

/**
 * Answers of models. Equal prompts have one answer: to the same model, with the same temperature, system prompt and tenant.
 * With {@link SemanticCacheOptions.vector} so have prompts that mean the same. No text of a prompt is in a key, an event or a
 * log; it is in the value with a vector stage only, for `verify`.
 *
 * @throws ConfigError
 * @example
 * ```ts
 * const answers = createSemanticCache<string>({ kv, tenant: 'acme' });
 * const answer = await answers.getOrGenerate({ prompt, model: 'm-1', temperature: 0 }, async ({ signal }) => {
 *   const { text, tokens } = await complete(prompt, { signal });
 *   return { value: text, tokensUsed: tokens };
 * });
 * if (answer.status !== 'unavailable') show(answer.value);
 * ```
 */
export function createSemanticCache<T>(options: SemanticCacheOptions<T>): SemanticCache<T> {
  const { namespace = 'semantic', ttlMs = 86_400_000, loadTimeoutMs = 60_000, tenant, vector, ...rest } = options;
  const { normalise = normalisePrompt, maxPromptLength = 131_072, ...cacheOptions } = rest;
  const { kv, swrMs = 0, staleIfErrorMs = 0, localOnly = false } = rest;
  if (!Number.isSafeInteger(maxPromptLength) || maxPromptLength < 1) {
    throw new ConfigError('maxPromptLength', `must be a whole number of at least 1, got ${maxPromptLength}`);
  }
  const cache = createCache<StoredAnswer<T>>({
    ...cacheOptions,
    ...{ namespace, ttlMs, loadTimeoutMs, codec: answerCodec<T>() },
  });
  const background = createBackground(rest.waitUntil);
  const counter = createHitCounter({
    ...{ kv, background, localOnly },
    name: `${cacheNames(kv, namespace).tally}:prompts`,
    lifeMs: ttlMs + Math.max(swrMs, staleIfErrorMs),
  });
  const similar =
    vector &&
    createSimilarAnswers<T>({
      clock: kv.clock,
      stage: vector,
      async read(id, of) {
        const found = await cache.get(id, { tags: [tenantTag(of)] });
        return found.status === 'hit' || found.status === 'stale' ? found.value : undefined;
      },
    });

  const identityOf = (prompt: Parameters<typeof identify>[0]) =>
    identify(prompt, { tenant, normalise, maxPromptLength });

  const metadataOf = ({ tokensUsed = -1 }: Generated<T>): AnswerMetadata => ({
    tokens_used: Number.isSafeInteger(tokensUsed) && tokensUsed >= 0 ? tokensUsed : null,
    cached_at: kv.clock.now(),
  });

  const storedAs = (generated: Generated<T>, { partition, prompt }: PromptIdentity): StoredAnswer<T> => ({
    value: generated.value,
    ...metadataOf(generated),
    partition,
    ...(similar ? { prompt } : {}),
  });

  /** What is too long to be told from others is not shared either. */
  const generateUnkept = async (generate: Generate<T>): Promise<SemanticFetch<T>> => {
    const controller = new AbortController();
    const expired = () => new DeadlineError(loadTimeoutMs, false);
    const deadline = { clock: kv.clock, timeoutMs: loadTimeoutMs, controller, expired };
    const generated = await withDeadline(deadline, (signal) => generate({ signal }));
    counter.miss();
    return { status: 'miss', value: generated.value, metadata: metadataOf(generated), match: 'generated' };
  };

  const hit = (id: string, answer: StoredAnswer<T>, match: 'exact' | 'similar') => {
    counter.hit(id, answer.tokens_used ?? 0, match === 'similar');
    return { status: 'hit', ...answerOf(answer, match) } as const;
  };

  const index = (identity: PromptIdentity): void => {
    if (similar) background.run(() => similar.index(identity));
  };

  /** By the answers that loads have come upon, which are handed to all who wait for them: whose they are. */
  const idOfSimilar = new WeakMap<StoredAnswer<T>, string>();

  const settle = (fetched: CacheFetch<StoredAnswer<T>>, { id }: PromptIdentity): SemanticFetch<T> => {
    if (fetched.status === 'unavailable') return fetched;
    // No loader here answers that there is no such thing.
    if (fetched.status === 'negative') return { status: 'unavailable', retryAfterMs: RETRY_MS };
    if (fetched.status !== 'miss') return hit(id, fetched.value, 'exact');
    const similarId = idOfSimilar.get(fetched.value);
    if (similarId !== undefined) return hit(similarId, fetched.value, 'similar');
    counter.miss();
    return { status: 'miss', ...answerOf(fetched.value, 'generated') };
  };

  return {
    async get(prompt) {
      const identity = await identityOf(prompt);
      const read = identity && (await cache.get(identity.id, { tags: [tenantTag(identity.tenant)] }));
      if (read?.status === 'unavailable') return read;
      if (identity && (read?.status === 'hit' || read?.status === 'stale'))
        return hit(identity.id, read.value, 'exact');
      const found = identity && (await similar?.find(prompt, identity));
      if (found) return hit(found.id, found.answer, 'similar');
      counter.miss();
      return { status: 'miss' };
    },
    async getOrGenerate(prompt, generate) {
      const identity = await identityOf(prompt);
      if (!identity) return generateUnkept(generate);
      const load = async ({ signal, stale }: LoadContext<StoredAnswer<T>>) => {
        // What is made anew is not to be taken from its own neighbours.
        const found = stale === undefined ? await similar?.find(prompt, identity) : undefined;
        if (found) {
          idOfSimilar.set(found.answer, found.id);
          return skip(found.answer);
        }
        const stored = storedAs(await generate({ signal }), identity);
        index(identity);
        return stored;
      };
      return settle(await cache.getOrFetch(identity.id, load, { tags: [tenantTag(identity.tenant)] }), identity);
    },
    async set(prompt, generated) {
      const identity = await identityOf(prompt);
      if (!identity) return false;
      index(identity);
      return cache.set(identity.id, storedAs(generated, identity), { tags: [tenantTag(identity.tenant)] });
    },
    async delete(prompt) {
      const identity = await identityOf(prompt);
      return identity ? cache.delete(identity.id) : { propagated: true };
    },
    clear: async (of = tenant) => cache.invalidateTags([tenantTag(checkTenant(of))]),
    async stats() {
      await counter.flush();
      const counts = await counter.read();
      const asked = counts.hits + counts.misses;
      return { ...counts, hitRate: asked === 0 ? undefined : counts.hits / asked, cache: cache.stats() };
    },
    async hitsOf(prompt) {
      const identity = await identityOf(prompt);
      if (!identity) return 0;
      await counter.flush();
      return counter.readOf(identity.id);
    },
    async settled() {
      await Promise.all([cache.settled(), background.settled()]);
    },
  };
}

function answerOf<T, Match extends CachedAnswer<T>['match']>(
  { value, tokens_used, cached_at }: Omit<StoredAnswer<T>, 'partition'>,
  match: Match,
): CachedAnswer<T> & { readonly match: Match } {
  return { value, metadata: { tokens_used, cached_at }, match };
}
