import type { Value } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { runScriptWith } from '../client/script.ts';
import { type Instant, instant } from '../clock.ts';
import { isKvError } from '../errors.ts';
import type { KeyDigest } from '../keys/digest.ts';
import type { ApiKey } from '../keys/record.ts';
import type { Validation, Verifier } from '../keys/verifier.ts';
import type { ChargeCall } from '../limit/charge.ts';
import { orThrow } from '../limit/ledger.ts';
import { type Limiter, notAsked } from '../limit/limiter.ts';
import { type Charge, withQuota } from '../limit/policy.ts';
import { type LimitResult, summarise } from '../limit/result.ts';
import { frontDoorScript, quotaIn } from './front-door-script.ts';

/** A charge, and whether it goes to the key's account. */
export interface DoorCharge extends Charge {
  readonly byKey: boolean;
}

export interface DoorAnswer {
  readonly validation: Validation;
  readonly limits: LimitResult | undefined;
}

export interface FrontDoor {
  /**
   * One request to Redis. None while the circuit is open, while the permits of a key that is known well enough are held
   * here, or while a refusal stands; a second one where the account of a limit cannot be read.
   */
  ask(digest: KeyDigest, charges: readonly DoorCharge[]): Promise<DoorAnswer>;
}

export interface FrontDoorOptions {
  readonly kv: KvClient;
  readonly verifier: Verifier<unknown>;
  readonly limiter: Limiter;
  readonly entryTtlMs: number;
}

const COST = 1;
const TAKE: ChargeCall = { mode: 'take', cost: COST, need: COST, id: '' };

export function createFrontDoor({ kv, verifier, limiter, entryTtlMs }: FrontDoorOptions): FrontDoor {
  const { ledger, leases, localOnly } = limiter;

  /** What needs no request: the permits of a key that is known well enough are held here, or a refusal stands. */
  const fromHere = (charges: readonly DoorCharge[], recent: Validation | undefined): DoorAnswer | undefined => {
    if (charges.length === 0) return undefined;
    const limits = recent ? limiter.held(charges, COST) : leases.refusal(charges.filter(isByAddress), COST);
    // A refusal stands whoever asks.
    return limits && { validation: recent ?? { status: 'UNAVAILABLE', retryAfterMs: 0 }, limits };
  };

  /** Asks for what is not held here. */
  const askForRest = async (digest: KeyDigest, charges: readonly DoorCharge[]): Promise<DoorAnswer> => {
    const { asked, settle } = leases.reserve(charges, COST, 1);
    let isSpent = false;
    try {
      const answer = await askRedis(
        digest,
        charges.filter((charge) => asked.includes(charge)),
      );
      const held = activeCharges(charges, answer.validation).filter(({ subject, rule }) =>
        asked.every((other) => other.subject !== subject || other.rule.name !== rule.name),
      );
      isSpent = held.length > 0 && answer.limits?.allowed !== false;
      if (!isSpent) return answer;
      const policies = [...(answer.limits?.policies ?? []), ...held.map(leases.known)];
      return { ...answer, limits: summarise(policies, answer.limits?.basis ?? 'lease', kv.clock.now()) };
    } finally {
      settle(isSpent ? 1 : 0);
    }
  };

  const askRedis = async (digest: KeyDigest, charges: readonly DoorCharge[]): Promise<DoorAnswer> => {
    const query = charges.length > 0 ? ledger.epoch.query() : undefined;
    const keys = [...verifier.lookupKeys(digest), ...ledger.keys(charges)];
    const rules = ledger.rules(charges, leases.wants(charges));
    const policies = charges.flatMap(({ rule, byKey }, index) => [rule.name, byKey ? 1 : 0, rules[index] ?? '']);
    const call = { script: frontDoorScript, keys, args: ['', COST, entryTtlMs, ...policies] };
    const sentAt = instant(kv.clock);
    const [reply, epoch] = await runScriptWith(kv, call, query?.commands ?? []);
    if (query?.learn(epoch)) return askRedis(digest, charges);
    const [status, raw, charged] = asArray(orThrow(reply));
    const validation = verifier.learn(digest, status, raw);
    return { validation, limits: countedBy(status, charged, charges, validation, sentAt) };
  };

  const countedBy = (
    status: Value | undefined,
    reply: Value | undefined,
    charges: readonly DoorCharge[],
    validation: Validation,
    sentAt: Instant,
  ): LimitResult | undefined => {
    const active = activeCharges(charges, validation);
    // A key that Redis finds active was charged, even if this process knows better.
    const there = status !== 'active' ? active.filter(isByAddress) : validation.status === 'VALID' ? active : charges;
    const limits = there.length > 0 ? conclude(there, reply, sentAt) : undefined;
    // A key that passes on an old answer, because its record cannot be read, is counted here. Not all or none.
    const left = status === 'active' ? [] : active.filter((charge) => !isByAddress(charge));
    if (left.length === 0 || limits?.allowed === false) return limits;
    const here = ledger.here(left, TAKE);
    return summarise([...(limits?.policies ?? []), ...here.policies], here.basis, kv.clock.now());
  };

  const conclude = (charges: readonly DoorCharge[], reply: Value | undefined, sentAt: Instant): LimitResult => {
    const answer = ledger.read(charges, reply);
    if (answer) leases.learn(charges, COST, answer, sentAt, answer.granted ? COST : 0);
    return ledger.conclude(charges, answer, TAKE);
  };

  /** The key from Redis, its limits in this process, because of `reason`. */
  const askForKey = async (digest: KeyDigest, charges: readonly DoorCharge[], reason: unknown): Promise<DoorAnswer> => {
    const { validation } = await askRedis(digest, []);
    return { validation, limits: chargeHere(charges, validation, reason) };
  };

  /** The charges that apply, counted in this process. */
  const chargeHere = (charges: readonly DoorCharge[], validation: Validation, reason: unknown) => {
    const active = activeCharges(charges, validation);
    return active.length > 0 ? ledger.without(active, TAKE, reason) : undefined;
  };

  const askWithLimits = async (digest: KeyDigest, charges: readonly DoorCharge[]): Promise<DoorAnswer> => {
    try {
      return await askForRest(digest, charges);
    } catch (error) {
      // One command of the script was refused: an account of something else must not keep a valid key out.
      if (charges.length > 0 && isKvError(error) && error.code === 'COMMAND') return askForKey(digest, charges, error);
      throw error;
    }
  };

  return {
    async ask(digest, charges) {
      const recent =
        charges.some(({ rule }) => rule.leaseMs > 0) || leases.size > 0 ? verifier.recent(digest) : undefined;
      const planned = recent?.status === 'VALID' ? activeCharges(charges, recent) : charges;
      const active = recent && recent.status !== 'VALID' ? charges.filter(isByAddress) : planned;
      if (!recent) leases.note(active, COST);
      const known = fromHere(active, recent);
      if (known) return known;
      try {
        return await (localOnly ? askForKey(digest, planned, notAsked()) : askWithLimits(digest, planned));
      } catch (error) {
        const validation = verifier.without(digest, error);
        return { validation, limits: chargeHere(planned, validation, localOnly ? notAsked() : error) };
      }
    },
  };
}

/** All charges, under the key's own numbers, when the key is valid; else those to the address. */
function activeCharges(charges: readonly DoorCharge[], validation: Validation): readonly DoorCharge[] {
  if (validation.status !== 'VALID') return charges.filter(isByAddress);
  return charges.map((one) => withPlan(one, validation.key));
}

/** `one` under the key's own numbers, as the script applies them. */
function withPlan(one: DoorCharge, key: ApiKey): DoorCharge {
  const quota = one.byKey ? quotaIn(key, one.rule.name, one.rule.kind) : undefined;
  return quota ? { ...one, rule: withQuota(one.rule, quota) } : one;
}

function isByAddress({ byKey }: DoorCharge): boolean {
  return !byKey;
}

function asArray(reply: Value | undefined): readonly Value[] {
  return Array.isArray(reply) ? reply : [];
}
