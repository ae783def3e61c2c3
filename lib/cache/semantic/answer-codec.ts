import { isObject } from '../../client/json.ts';
import { type Codec, jsonCodec } from '../payload/codec.ts';
import type { StoredAnswer } from './semantic-options.ts';

/** JSON, of answers only: what another cache has stored under the same name is a miss, and replaced. */
export function answerCodec<T>(): Codec<StoredAnswer<T>> {
  const json = jsonCodec<StoredAnswer<T>>();
  return {
    ...json,
    decode(text) {
      const answer: unknown = json.decode(text);
      if (isStoredAnswer<T>(answer)) return answer;
      throw new TypeError('Not an answer of a model');
    },
  };
}

function isStoredAnswer<T>(answer: unknown): answer is StoredAnswer<T> {
  if (!isObject(answer)) return false;
  const { tokens_used, cached_at, partition, prompt } = answer;
  const isCounted = tokens_used === null || (Number.isSafeInteger(tokens_used) && Number(tokens_used) >= 0);
  const isTold = prompt === undefined || typeof prompt === 'string';
  return isCounted && isTold && typeof cached_at === 'number' && typeof partition === 'string';
}
