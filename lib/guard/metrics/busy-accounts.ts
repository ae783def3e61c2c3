import type { LimitBasis, LimitOutcome } from '../../client/measurements.ts';
import type { BusyAccount } from './snapshot.ts';

/** Remembers the accounts that are checked most, a fixed number of them. */
export interface BusyAccounts {
  /** @param at Unix milliseconds */
  note(check: LimitOutcome, basis: LimitBasis, account: string, at: number): void;
  /** The busiest first. */
  list(): readonly BusyAccount[];
}

/** How many are remembered, and how many are shown. Anybody who makes more than one of 64 checks is among them. */
const PLACES = 64;
const SHOWN = 10;
/** Whoever was busy a few of these ago is so no more. */
const HALF_LIFE_MS = 60_000;
const MAX_LABEL = 64;

/**
 * The busiest by the "space saving" of Metwally, Agrawal and El Abbadi: a new account takes the place of the least busy
 * one, and begins with its score, so that a flood of accounts that come once cannot wash away one that comes often. Scores
 * are halved once a minute. An account costs memory when it is new, a check of a known one none.
 */
export function createBusyAccounts(): BusyAccounts {
  const scores = new Float64Array(PLACES);
  const places: { -readonly [Field in keyof BusyAccount]: BusyAccount[Field] }[] = [];
  const placeOf = new Map<string, Map<string, number>>();
  let minute = 0;

  const fade = (at: number): void => {
    const now = Math.floor(at / HALF_LIFE_MS);
    if (now === minute) return;
    // A clock that was set back takes nothing from anybody.
    const factor = 0.5 ** Math.max(0, now - minute);
    for (let place = 0; place < PLACES; place += 1) scores[place] = (scores[place] ?? 0) * factor;
    minute = now;
  };

  const leastBusy = (): number => {
    let least = 0;
    for (let place = 1; place < PLACES; place += 1) {
      if ((scores[place] ?? 0) < (scores[least] ?? 0)) least = place;
    }
    return least;
  };

  const forget = (place: number): void => {
    const { policy, label } = places[place] ?? {};
    if (policy === undefined || label === undefined) return;
    const ofPolicy = placeOf.get(policy);
    ofPolicy?.delete(label);
    if (ofPolicy?.size === 0) placeOf.delete(policy);
  };

  const begin = (policy: string, label: string): number => {
    const place = places.length < PLACES ? places.length : leastBusy();
    forget(place);
    places[place] = { label, policy, limit: 0, used: null, basis: 'store', retryAfterMs: null, at: 0, checks: 0 };
    const ofPolicy = placeOf.get(policy) ?? new Map<string, number>();
    placeOf.set(policy, ofPolicy.set(label, place));
    return place;
  };

  return {
    note({ policy, allowed, limit, remaining, retryAfterMs }, basis, account, at) {
      fade(at);
      const label = account.length > MAX_LABEL ? account.slice(0, MAX_LABEL) : account;
      const place = placeOf.get(policy)?.get(label) ?? begin(policy, label);
      const known = places[place];
      if (!known) return;
      scores[place] = (scores[place] ?? 0) + 1;
      known.limit = limit;
      known.used = remaining === undefined ? null : Math.max(0, limit - remaining);
      known.basis = basis;
      known.retryAfterMs = allowed ? null : (retryAfterMs ?? null);
      known.at = at;
      known.checks += 1;
    },
    list: () =>
      places
        .map((account, place) => ({ account: { ...account }, score: scores[place] ?? 0 }))
        .sort((one, other) => other.score - one.score)
        .slice(0, SHOWN)
        .map(({ account }) => account),
  };
}
