import type { CallOptions, Value } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { runScriptWith, type ScriptCall } from '../client/script.ts';
import { type Instant, instant } from '../clock.ts';
import { isUnavailable } from '../errors.ts';
import type { Fill, Finding, Question } from '../keys/question.ts';
import type { Usage } from '../keys/usage.ts';
import type { Verifier } from '../keys/verifier.ts';
import { type Bill, orThrow } from '../limit/ledger.ts';
import type { Limiter } from '../limit/limiter.ts';
import { type LimitResult, summarise } from '../limit/result.ts';
import type { Command } from '../store/store.ts';
import { dailyQuotaResult } from './daily-quota.ts';
import { activeCharges, COST, type DoorCharge, isByAddress, TAKE } from './door-charges.ts';
import { frontDoorScript } from './front-door-script.ts';

/** One question on its way. */
export interface Asking {
  readonly question: Question;
  /** Monotonic milliseconds. */
  readonly endsAt: number;
  /** What the source has said. */
  readonly fill?: Fill;
  readonly counting: Counting;
}

/**
 * What is done about the uses of the key: they are counted if it passes, and its day's quota is checked; or one of the two;
 * or nothing, where the use has been counted already.
 */
export type Counting = 'all' | 'check' | 'count' | 'none';

const COUNTING: Readonly<Record<Counting, number | ''>> = { all: 1, check: 0, count: 2, none: '' };

/** What came of one request. */
export interface Reached {
  readonly validation: Finding<unknown>;
  readonly limits: LimitResult | undefined;
  /** Whether the key's use was counted. */
  readonly isCounted: boolean;
}

export interface DoorRequestOptions {
  readonly kv: KvClient;
  readonly verifier: Verifier<unknown>;
  readonly limiter: Limiter;
  /** `undefined` where uses are not counted. */
  readonly usage: Usage | undefined;
}

const COUNTED: ReadonlySet<Counting> = new Set(['all', 'count']);

/** Sends one front-door script, and reads what it answers. */
export type DoorRequest = (asking: Asking, charges: readonly DoorCharge[]) => Promise<Reached>;

export function createDoorRequest({ kv, verifier, limiter, usage }: DoorRequestOptions): DoorRequest {
  const { ledger, leases } = limiter;
  const { clock } = kv;
  let wentWell = true;

  const countedBy = (
    status: Value | undefined,
    reply: Value | undefined,
    charges: readonly DoorCharge[],
    validation: Finding<unknown>,
    sentAt: Instant,
    bill: Bill,
  ): LimitResult | undefined => {
    const active = activeCharges(charges, validation);
    // A key that Redis finds active was charged, even if this process knows better.
    const there = status !== 'active' ? active.filter(isByAddress) : validation.status === 'VALID' ? active : charges;
    const limits = there.length > 0 ? conclude(there, reply, sentAt, bill) : undefined;
    // A key that passes on an old answer, because its record cannot be read, is counted here. Not all or none.
    const left = status === 'active' ? [] : active.filter((charge) => !isByAddress(charge));
    if (left.length === 0 || limits?.allowed === false) return limits;
    const here = ledger.here(left, TAKE);
    return summarise([...(limits?.policies ?? []), ...here.policies], here.basis, clock.now());
  };

  const conclude = (
    charges: readonly DoorCharge[],
    reply: Value | undefined,
    sentAt: Instant,
    bill: Bill,
  ): LimitResult => {
    const answer = bill.read(charges, reply);
    if (answer) leases.learn(charges, COST, answer, sentAt, answer.granted ? COST : 0);
    return ledger.conclude(charges, answer, TAKE);
  };

  /** `limits` with what is left of the key's day. */
  const withDay = (limits: LimitResult | undefined, validation: Finding<unknown>, used: Value | undefined) => {
    const quota = validation.status === 'VALID' ? validation.key.dailyQuota : null;
    const uses = usesIn(used);
    if (quota === null || uses === undefined || limits?.allowed === false) return limits;
    const day = dailyQuotaResult(quota, uses, true, clock.now());
    return summarise([...(limits?.policies ?? []), day], limits?.basis ?? 'store', clock.now());
  };

  const send: DoorRequest = async (asking, charges) => {
    const bill = ledger.bill(charges, leases.wants(charges));
    try {
      return await sendBill(asking, charges, bill);
    } finally {
      bill.close();
    }
  };

  const sendBill = async (asking: Asking, charges: readonly DoorCharge[], bill: Bill): Promise<Reached> => {
    const { question, fill, endsAt, counting } = asking;
    const query = charges.length > 0 ? ledger.epoch.query() : undefined;
    const found = verifier.lookup(question, fill);
    const policies = charges.flatMap(({ rule, byKey }, index) => [rule.name, byKey ? 1 : 0, bill.rules[index] ?? '']);
    const counters = usage && counting !== 'none' ? question.digests.map(usage.counterOf) : [];
    const keys = [...found.keys, ...counters, ...ledger.keys(charges)];
    const args = ['', ...found.args, COST, usage ? COUNTING[counting] : '', usage?.today() ?? '', ...policies];
    const sentAt = instant(clock);
    const timeoutMs = endsAt - sentAt.monotonic;
    const options = timeoutMs < kv.requestTimeoutMs ? { timeoutMs: Math.max(1, timeoutMs) } : {};
    const [reply, epoch] = await deliver({ script: frontDoorScript, keys, args }, query?.commands ?? [], options);
    const [status, text, charged, used] = asArray(orThrow(reply));
    const isRefused = charged === '';
    const isCounted = COUNTED.has(counting) && status === 'active' && used !== -2 && asArray(charged)[0] === 1;
    if (query?.learn(epoch) && !isRefused) {
      bill.close();
      const again = await send({ ...asking, counting: isCounted ? 'none' : counting }, charges);
      if (!isCounted) return again;
      return { ...again, limits: withDay(again.limits, again.validation, used), isCounted };
    }
    const validation = verifier.learn(question, status, text, sentAt);
    if (isRefused) return { validation, limits: overQuota(validation, used), isCounted: true };
    if (used === -2) {
      kv.notify({ type: 'unreadable', at: clock.now(), feature: 'keys', problem: 'counter of uses of another kind' });
    }
    const limits = countedBy(status, charged, charges, validation, sentAt, bill);
    const withUses = counting === 'count' ? limits : withDay(limits, validation, used);
    return { validation, limits: withUses, isCounted: isCounted || used === -2 };
  };

  /** The script, with uses that Redis has not been told of in the same request. */
  const deliver = async (call: ScriptCall, others: readonly Command[], options: CallOptions) => {
    // What fails may have run: nothing is sent along with a request that may be the next to fail.
    const arrears = wentWell ? usage?.take() : undefined;
    try {
      const results = await runScriptWith(kv, call, [...others, ...(arrears?.commands ?? [])], options);
      arrears?.told(results.slice(1 + others.length));
      wentWell = !isUnavailable(results[0]);
      return results;
    } catch (error) {
      wentWell = false;
      arrears?.putBack(error);
      throw error;
    }
  };

  const overQuota = (validation: Finding<unknown>, used: Value | undefined): LimitResult | undefined => {
    const quota = validation.status === 'VALID' ? validation.key.dailyQuota : null;
    if (quota === null) return undefined;
    return summarise([dailyQuotaResult(quota, usesIn(used), false, clock.now())], 'store', clock.now());
  };

  return send;
}

/** `undefined` where none are counted, and for what is no count. */
function usesIn(used: Value | undefined): number | undefined {
  return typeof used === 'number' && Number.isSafeInteger(used) && used >= 0 ? used : undefined;
}

function asArray(reply: Value | undefined): readonly Value[] {
  return Array.isArray(reply) ? reply : [];
}
