import { isKvError, isUnavailable } from '../errors.ts';
import type { Ask, Finding, Question } from '../keys/question.ts';
import type { Validation } from '../keys/validation.ts';
import { notAsked } from '../limit/limiter.ts';
import { type LimitResult, summarise } from '../limit/result.ts';
import { dailyQuotaResult } from './daily-quota.ts';
import { activeCharges, COST, type DoorCharge, isByAddress, TAKE } from './door-charges.ts';
import {
  type Asking,
  type Counting,
  createDoorRequest,
  type DoorRequestOptions,
  type Reached,
} from './door-request.ts';

export interface DoorAnswer {
  readonly validation: Validation;
  readonly limits: LimitResult | undefined;
}

export interface FrontDoor {
  /**
   * One request to Redis. None while the circuit is open, while the permits of a key that is known well enough are held
   * here, or while a refusal stands; a second one where the account of a limit cannot be read. Where keys are on record
   * elsewhere and Redis has no entry, a look there and one more request, all within `budgetMs`. A key that is exempt has no
   * daily quota.
   */
  ask(question: Question, charges: readonly DoorCharge[], isExempt?: boolean): Promise<DoorAnswer>;
}

export interface FrontDoorOptions extends DoorRequestOptions {
  /** How long an answer takes at most, Redis and the source of keys together. */
  readonly budgetMs: number;
}

/** What is known so far; `reason` when Redis could not be asked. */
interface Known extends Reached {
  readonly reason?: unknown;
}

/** Whoever is refused by a limit is told nothing of the key. */
const UNSAID: Validation = { status: 'UNAVAILABLE', reason: 'away', retryAfterMs: 0 };

export function createFrontDoor({ kv, verifier, limiter, usage, budgetMs }: FrontDoorOptions): FrontDoor {
  const { ledger, leases, localOnly } = limiter;
  const { clock } = kv;
  const send = createDoorRequest({ kv, verifier, limiter, usage });

  /** What needs no request: the permits of a key that is known well enough are held here, or a refusal stands. */
  const fromHere = (
    charges: readonly DoorCharge[],
    recent: Validation | undefined,
    counting: Counting,
  ): Known | undefined => {
    // Of a day's quota only Redis knows what is left.
    const isPlain = counting === 'count' || recent?.status !== 'VALID' || recent.key.dailyQuota === null;
    if (charges.length === 0)
      return recent && isPlain ? { validation: recent, limits: undefined, isCounted: false } : undefined;
    const limits = recent && isPlain ? limiter.held(charges, COST) : leases.refusal(charges.filter(isByAddress), COST);
    // A refusal stands whoever asks.
    return limits && { validation: recent ?? UNSAID, limits, isCounted: false };
  };

  /** Asks for what is not held here. */
  const sendForRest = async (asking: Asking, charges: readonly DoorCharge[]): Promise<Reached> => {
    const { asked, settle } = leases.reserve(charges, COST, 1);
    let isSpent = false;
    try {
      const answer = await send(
        asking,
        charges.filter((charge) => asked.includes(charge)),
      );
      const held = activeCharges(charges, answer.validation).filter(({ subject, rule }) =>
        asked.every((other) => other.subject !== subject || other.rule.name !== rule.name),
      );
      isSpent = held.length > 0 && answer.limits?.allowed !== false;
      if (!isSpent) return answer;
      const policies = [...(answer.limits?.policies ?? []), ...held.map(leases.known)];
      return { ...answer, limits: summarise(policies, answer.limits?.basis ?? 'lease', clock.now()) };
    } finally {
      settle(isSpent ? 1 : 0);
    }
  };

  /** The charges that apply, counted in this process. */
  const chargeHere = (charges: readonly DoorCharge[], validation: Finding<unknown>, reason: unknown) => {
    const active = activeCharges(charges, validation);
    return active.length > 0 ? ledger.fallBack(active, TAKE, reason) : undefined;
  };

  /** The key from Redis, its limits in this process, because of `reason`. */
  const sendForKey = async (asking: Asking, charges: readonly DoorCharge[], reason: unknown): Promise<Known> => {
    const counting = asking.counting === 'all' ? 'check' : 'none';
    const answer = await send({ ...asking, counting }, []);
    if (answer.limits?.allowed === false) return answer;
    return { ...answer, limits: joined(answer.limits, chargeHere(charges, answer.validation, reason)), reason };
  };

  const reach = async (asking: Asking, charges: readonly DoorCharge[]): Promise<Known> => {
    if (localOnly) return sendForKey(asking, charges, notAsked());
    try {
      return await sendForRest(asking, charges);
    } catch (error) {
      // One command of the script was refused: an account of something else must not keep a valid key out.
      if (charges.length > 0 && isKvError(error) && error.code === 'COMMAND') return sendForKey(asking, charges, error);
      throw error;
    }
  };

  const reachOrNot = async (asking: Asking, charges: readonly DoorCharge[]): Promise<Known> => {
    try {
      return await reach(asking, charges);
    } catch (error) {
      const validation = verifier.without(asking.question, error);
      const limits = chargeHere(charges, validation, localOnly ? notAsked() : error);
      return { validation, limits, isCounted: false, reason: error };
    }
  };

  /** The source's answer, and the charges to the key that could not be made without it. */
  const consult = async (asking: Asking, charges: readonly DoorCharge[], first: Known, ask: Ask): Promise<Known> => {
    const { question, endsAt } = asking;
    const { validation, fill } = await verifier.consult(question, ask, endsAt - clock.monotonic());
    const rest = charges.filter((charge) => !isByAddress(charge));
    const chargeRest = (reason: unknown): Known => {
      const limits = joined(first.limits, chargeHere(rest, validation, reason));
      return { validation, limits, isCounted: false, reason };
    };
    const isReachable = first.reason === undefined || localOnly;
    if (!fill || !isReachable) return chargeRest(first.reason ?? notAsked());
    if (endsAt - clock.monotonic() < 1) {
      // Nobody waits for Redis to hear of it; but that it was no miss it has to hear.
      const telling = send({ question, fill, endsAt: Number.POSITIVE_INFINITY, counting: 'none' }, []);
      question.onBackground?.(telling.catch(() => undefined));
      return chargeRest(notAsked());
    }
    try {
      const second = await reach({ ...asking, fill }, rest);
      // Redis knows better where the key has been revoked meanwhile.
      if (second.validation.status !== 'ASK') return { ...second, limits: joined(first.limits, second.limits) };
      // What it cannot read of the key it has not charged to its account either.
      const left = second.limits ? [] : activeCharges(rest, validation);
      const limits = left.length > 0 ? ledger.here(left, TAKE) : second.limits;
      return { ...second, validation, limits: joined(first.limits, limits) };
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      return chargeRest(error);
    }
  };

  const joined = (one: LimitResult | undefined, other: LimitResult | undefined): LimitResult | undefined => {
    if (!one || !other) return one ?? other;
    const basis = one.basis === 'store' ? other.basis : one.basis;
    return summarise([...one.policies, ...other.policies], basis, clock.now());
  };

  const decide = async (question: Question, charges: readonly DoorCharge[], counting: Counting): Promise<Known> => {
    const endsAt = clock.monotonic() + budgetMs;
    const isHereEnough = charges.length === 0 || leases.size > 0 || charges.some(({ rule }) => rule.leaseMs > 0);
    const recent = isHereEnough ? verifier.recent(question) : undefined;
    const planned = recent?.status === 'VALID' ? activeCharges(charges, recent) : charges;
    const active = recent && recent.status !== 'VALID' ? charges.filter(isByAddress) : planned;
    if (!recent) leases.note(active, COST);
    const known = fromHere(active, recent, counting);
    if (known) return known;
    const asking = { question, endsAt, counting };
    const first = await reachOrNot(asking, planned);
    if (first.validation.status !== 'ASK') return first;
    if (first.limits?.allowed !== false) return consult(asking, planned, first, first.validation);
    verifier.dismiss(question, first.validation);
    return { ...first, validation: UNSAID };
  };

  /** Counts a use that Redis has not been told of; refuses it where this process alone has seen the day's quota used. */
  const countHere = (
    question: Question,
    { validation, limits }: Known,
    counting: Counting,
  ): LimitResult | undefined => {
    if (validation.status !== 'VALID' || limits?.allowed === false || !usage) return limits;
    const digest = verifier.foundBy(question);
    const { dailyQuota } = validation.key;
    if (counting === 'all' && dailyQuota !== null && usage.notedOf(digest) >= dailyQuota) {
      return summarise([dailyQuotaResult(dailyQuota, undefined, false, clock.now())], 'local', clock.now());
    }
    usage.note(digest);
    return limits;
  };

  return {
    async ask(question, charges, isExempt = false) {
      const counting = isExempt ? 'count' : 'all';
      const known = await decide(question, charges, counting);
      // Nobody asks on a second time for nothing.
      const validation = known.validation.status === 'ASK' ? UNSAID : known.validation;
      return { validation, limits: known.isCounted ? known.limits : countHere(question, known, counting) };
    },
  };
}
