import type { CacheOptions, Invalidation } from '../cache-options.ts';
import type { CacheStats } from '../cache-stats.ts';

/** What a model is asked. */
export interface Prompt {
  readonly prompt: string;
  readonly model: string;
  readonly temperature?: number | undefined;
  /** The system prompt. */
  readonly system?: string | undefined;
  /** Nobody gets what was generated for another tenant. @default the cache's */
  readonly tenant?: string | undefined;
}

/** What was generated. */
export interface Generated<T> {
  readonly value: T;
  readonly tokensUsed?: number | undefined;
}

/** Asks the model. */
export type Generate<T> = (context: { readonly signal: AbortSignal }) => Promise<Generated<T>>;

/** What is kept beside an answer. */
export interface AnswerMetadata {
  /** `null` where nobody said. */
  readonly tokens_used: number | null;
  /** Unix milliseconds. */
  readonly cached_at: number;
}

/** An answer as it was kept. */
export interface CachedAnswer<T> {
  readonly value: T;
  readonly metadata: AnswerMetadata;
  /** `exact`: to this very prompt. `similar`: to another one, which `verify` let pass. `generated`: now. */
  readonly match: 'exact' | 'similar' | 'generated';
}

/** What `get` answers. `unavailable` is no miss: Redis could not be asked. */
export type SemanticRead<T> =
  | ({ readonly status: 'hit' } & CachedAnswer<T>)
  | { readonly status: 'miss' }
  | { readonly status: 'unavailable'; readonly retryAfterMs: number };

/** What `getOrFetch` answers: an answer that was kept, or the model's. */
export type SemanticFetch<T> =
  | ({ readonly status: 'hit' | 'miss' } & CachedAnswer<T>)
  | Exclude<SemanticRead<T>, { readonly status: 'hit' | 'miss' }>;

/** What a vector is stored and looked for under. All of it is to match exactly. */
export interface VectorScope {
  readonly tenant: string;
  readonly model: string;
  /** Stands for tenant, model, temperature and system prompt together. */
  readonly partition: string;
  readonly signal: AbortSignal;
}

/** A neighbour that the vector store has found. */
export interface VectorMatch {
  /** As `index` was given it. */
  readonly id: string;
  readonly score: number;
}

/** What a vector search found, for `verify` to judge. */
export interface Candidate<T> extends AnswerMetadata {
  readonly value: T;
  /** The prompt that it answers, normalised. */
  readonly prompt: string;
  readonly score: number;
}

/** Finds answers to prompts that mean the same. What it throws, or does not answer in time, is a miss. */
export interface VectorStage<T> {
  /** The vector of a prompt, of the same length each time. */
  embed(prompt: string, options: { readonly signal: AbortSignal }): Promise<readonly number[]>;
  /** The nearest neighbours, best first. */
  search(vector: readonly number[], options: VectorScope & { readonly limit: number }): Promise<readonly VectorMatch[]>;
  /** Brings a vector into the index, in place of one with the same id. */
  index(id: string, vector: readonly number[], options: VectorScope): Promise<unknown>;
  /**
   * Whether `candidate` answers `prompt`: asked of a small model, or told from a threshold that was measured on prompts of
   * one's own. Required, since there is no score above which that is so in general.
   */
  verify(
    candidate: Candidate<T>,
    prompt: Prompt,
    options: { readonly signal: AbortSignal },
  ): boolean | Promise<boolean>;
  /** Neighbours that are looked at. @default 3 */
  readonly limit?: number | undefined;
  /** For all of that together, in milliseconds. @default 2_000 */
  readonly timeoutMs?: number | undefined;
}

/** A value as it is stored. */
export interface StoredAnswer<T> extends AnswerMetadata {
  readonly value: T;
  /** Only with a vector stage, for `verify`. */
  readonly prompt?: string | undefined;
  readonly partition: string;
}

/** Settings of a cache for the answers of models. Wrong ones throw a ConfigError when it is made. */
export interface SemanticCacheOptions<T> extends Omit<CacheOptions<StoredAnswer<T>>, 'ttlMs' | 'namespace' | 'codec'> {
  /** @default 'semantic' */
  readonly namespace?: string | undefined;
  /** How long an answer is fresh, in milliseconds. @default 86_400_000 */
  readonly ttlMs?: number | undefined;
  /** Deadline of a generation, in milliseconds. @default 60_000 */
  readonly loadTimeoutMs?: number | undefined;
  /** Of prompts that do not say one. Without it each prompt has to. */
  readonly tenant?: string | undefined;
  /** Prompts that it makes equal have one answer. @default Unicode NFC, one form of line end, nothing blank around */
  readonly normalise?: ((prompt: string) => string) | undefined;
  /** Of prompt and system prompt together, in UTF-16 units: longer ones are generated each time. @default 131_072 */
  readonly maxPromptLength?: number | undefined;
  /** @default none: equal prompts only */
  readonly vector?: VectorStage<T> | undefined;
}

/** What all processes have counted, as far as they have told Redis. */
export interface SemanticStats {
  /** Answers that came from the cache, `similarHits` included. */
  readonly hits: number;
  readonly similarHits: number;
  readonly misses: number;
  /** `undefined` before anything was asked for. */
  readonly hitRate: number | undefined;
  /** Of the answers that came from the cache, where they said how many they had taken. */
  readonly tokensSaved: number;
  /** Of this process. */
  readonly cache: CacheStats;
}

/** Answers of models, by what was asked. Nothing here rejects because Redis is away, except where it says so. */
export interface SemanticCache<T> {
  /** One request for an exact match, none where this process has it. Another one for each neighbour that is looked at. */
  get(prompt: Prompt): Promise<SemanticRead<T>>;
  /**
   * The answer, from the cache or generated now: those who ask the same at once share it. One request, and one in the
   * background to write. Redis away: what this process has, else generated.
   *
   * @throws what `generate` throws, DeadlineError when it takes too long.
   */
  getOrGenerate(prompt: Prompt, generate: Generate<T>): Promise<SemanticFetch<T>>;
  /** Whether Redis has it now. One request. */
  set(prompt: Prompt, generated: Generated<T>): Promise<boolean>;
  /** The answer to this very prompt; similar ones stay. One request. */
  delete(prompt: Prompt): Promise<Invalidation>;
  /** Ends all answers of a tenant. One request, whatever their number. */
  clear(tenant?: string): Promise<Invalidation>;
  /** One request; another one for what this process had not told yet. @throws when Redis is away */
  stats(): Promise<SemanticStats>;
  /** How often this very prompt was answered from the cache, by all processes. Requests as `stats`. @throws when Redis is away */
  hitsOf(prompt: Prompt): Promise<number>;
  /** When what runs in the background now has ended. */
  settled(): Promise<void>;
}
