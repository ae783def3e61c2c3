import { setImmediate as turn } from 'node:timers/promises';
import type { SqlQuery } from '../../lib/client/sql-query.ts';
import { StoreError } from '../../lib/errors.ts';
import type { Store } from '../../lib/store/store.ts';
import type { Dice } from './dice.ts';

/** Where whoever asks dies, or is cut off: which is the same to who is asked. */
export interface Crashes {
  /** Before the request has arrived. */
  before: number;
  /** After it has taken effect, before its answer has come back. */
  after: number;
}

/** A store, and a database, to which some requests never come, and from which some answers never come back; at odd moments. */
export function crashing(dice: Dice, probability: number) {
  const crashes: Crashes = { before: 0, after: 0 };
  const idle = async () => {
    for (let turns = dice.whole(0, 3); turns > 0; turns -= 1) await turn();
  };
  const around = async <T>(work: () => PromiseLike<T>): Promise<T> => {
    await idle();
    if (dice.chance(probability)) {
      crashes.before += 1;
      throw new StoreError('network', 'cut off', { mayHaveRun: dice.chance(0.5) });
    }
    const answer = await work();
    await idle();
    if (dice.chance(probability)) {
      crashes.after += 1;
      throw new StoreError('network', 'cut off');
    }
    return answer;
  };
  return {
    crashes,
    store: (store: Store): Store => ({
      ...store,
      execute: (commands, options) => around(() => store.execute(commands, options)),
    }),
    query:
      (query: SqlQuery): SqlQuery =>
      (text, params, options) =>
        around(() => query(text, params, options)),
  };
}
