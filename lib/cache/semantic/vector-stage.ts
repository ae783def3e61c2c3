import type { Clock } from '../../clock.ts';
import { ConfigError, DeadlineError } from '../../errors.ts';
import { withDeadline } from '../../resilience/deadline.ts';
import type { PromptIdentity } from './prompt-identity.ts';
import type { Prompt, StoredAnswer, VectorStage } from './semantic-options.ts';

/** An answer to a prompt that means the same. */
export interface Similar<T> {
  readonly id: string;
  readonly answer: StoredAnswer<T>;
}

/** Looks for answers to prompts that mean the same. Nothing here rejects. */
export interface SimilarAnswers<T> {
  /** `undefined` for none, and for whatever went wrong. */
  find(prompt: Prompt, identity: PromptIdentity): Promise<Similar<T> | undefined>;
  /** Makes an answer findable that has been stored. */
  index(identity: PromptIdentity): Promise<void>;
}

export interface SimilarAnswersOptions<T> {
  readonly clock: Clock;
  readonly stage: VectorStage<T>;
  /** The answer stored under an id, unless it has ended. */
  readonly read: (id: string, tenant: string) => Promise<StoredAnswer<T> | undefined>;
}

/** @throws ConfigError */
export function createSimilarAnswers<T>({ clock, stage, read }: SimilarAnswersOptions<T>): SimilarAnswers<T> {
  const { limit = 3, timeoutMs = 2_000 } = stage;
  if (typeof stage.verify !== 'function')
    throw new ConfigError('vector.verify', 'must be given: no score is safe by itself');
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 100) {
    throw new ConfigError('vector.limit', `must be a whole number from 1 to 100, got ${limit}`);
  }
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 2 ** 31 - 1) {
    throw new ConfigError('vector.timeoutMs', `must be a whole number from 1 to 2147483647, got ${timeoutMs}`);
  }

  const inTime = async <A>(work: (signal: AbortSignal) => Promise<A>): Promise<A | undefined> => {
    const controller = new AbortController();
    const expired = () => new DeadlineError(timeoutMs, false);
    try {
      return await withDeadline({ clock, timeoutMs, controller, expired }, work);
    } catch {
      // Whatever it is: what is not found is generated.
      return undefined;
    }
  };

  const scopeOf = ({ tenant, model, partition }: PromptIdentity, signal: AbortSignal) => ({
    ...{ tenant, model, partition, signal },
  });

  return {
    find: (prompt, identity) =>
      inTime(async (signal) => {
        const vector = await stage.embed(identity.prompt, { signal });
        const matches = await stage.search(vector, { ...scopeOf(identity, signal), limit });
        for (const { id, score } of matches.slice(0, limit)) {
          signal.throwIfAborted();
          if (id === identity.id) continue;
          const answer = await read(id, identity.tenant);
          // A vector store that mixes tenants up must not do so to their answers.
          if (answer?.partition !== identity.partition || answer.prompt === undefined) continue;
          const { value, tokens_used, cached_at } = answer;
          const candidate = { value, tokens_used, cached_at, prompt: answer.prompt, score };
          if ((await stage.verify(candidate, prompt, { signal })) === true) return { id, answer };
        }
        return undefined;
      }),
    async index(identity) {
      await inTime(async (signal) => {
        const vector = await stage.embed(identity.prompt, { signal });
        await stage.index(identity.id, vector, scopeOf(identity, signal));
      });
    },
  };
}
