import type { CallOptions } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { runScriptsWith, type ScriptCall } from '../client/script.ts';
import type { Argument } from '../store/store.ts';
import { type ChargeCall, chargeScript, ruleArgument } from './charge.ts';
import { untilCallerLeaves } from './leaving.ts';
import { type Ledger, orThrow } from './ledger.ts';
import type { Charge } from './policy.ts';
import type { AccountAnswer, Answer } from './result.ts';

export interface AskOptions extends CallOptions {
  /** What each account would hold in advance. */
  readonly wants?: readonly number[] | undefined;
}

/**
 * Asks Redis about charges. One request, and one more where all limits have been cleared elsewhere, within one deadline.
 *
 * On a Cluster whose keys are in several slots there is one script for each slot, all in one request: atomic in each slot
 * only. What the others took where one refuses is given back in a second request, unless it may be held in advance; if
 * that request is lost, it stays taken.
 */
export type Ask = (charges: readonly Charge[], call: ChargeCall, options?: AskOptions) => Promise<Answer | undefined>;

/** Charges whose keys are in one slot. */
interface Group {
  readonly charges: readonly Charge[];
  readonly wants: readonly number[];
}

export function createAsk(kv: KvClient, ledger: Ledger): Ask {
  const { slotOf, clock, requestTimeoutMs } = kv;

  const groupsOf = (charges: readonly Charge[], wants: readonly number[]): readonly Group[] => {
    if (!slotOf || charges.length === 1) return [{ charges, wants }];
    const slots = ledger.keys(charges).map(slotOf);
    return [...new Set(slots)].map((slot) => ({
      charges: charges.filter((_, index) => slots[index] === slot),
      wants: wants.filter((_, index) => slots[index] === slot),
    }));
  };

  const ask: Ask = async (charges, call, options = {}) => {
    const { wants = [], ...callOptions } = options;
    const { timeoutMs = requestTimeoutMs } = options;
    const endsAt = clock.monotonic() + Math.min(timeoutMs, requestTimeoutMs);
    const leftMs = () => Math.max(1, endsAt - clock.monotonic());
    const groups = groupsOf(charges, wants);
    const query = ledger.epoch.query();
    const bills = groups.map((group) => ledger.bill(group.charges, group.wants, call.mode));
    const scripts = groups.map((group, index) => scriptCall(group.charges, call, bills[index]?.rules ?? []));
    const results = await runScriptsWith(kv, scripts, query.commands, callOptions).catch((error: unknown) => {
      for (const bill of bills) bill.close();
      throw error;
    });
    const isOver = query.learn(results[groups.length]);
    const answers = groups.map((group, index) => {
      const [bill, result] = [bills[index], results[index]];
      const answer = isOver || result instanceof Error ? undefined : bill?.read(group.charges, result);
      bill?.close();
      return answer;
    });
    if (isOver) return ask(charges, call, { ...options, timeoutMs: leftMs() });
    const answer = groups.length === 1 ? answers[0] : await agree(charges, groups, answers, call, leftMs());
    for (const result of results.slice(0, groups.length)) orThrow(result);
    return answer;
  };

  const scriptCall = (
    charges: readonly Charge[],
    { mode, cost, need, id }: ChargeCall,
    rules: readonly Argument[],
  ): ScriptCall => ({
    script: chargeScript,
    keys: ledger.keys(charges),
    args: ['', mode, cost, need, id, ...rules],
  });

  /** One answer of several: as many checks are granted as all of them have granted. */
  const agree = async (
    charges: readonly Charge[],
    groups: readonly Group[],
    answers: readonly (Answer | undefined)[],
    { cost, id }: ChargeCall,
    leftMs: number,
  ): Promise<Answer | undefined> => {
    const found = new Map<Charge, AccountAnswer>();
    groups.forEach((group, at) => {
      group.charges.forEach((charge, index) => {
        const account = answers[at]?.accounts[index];
        if (account) found.set(charge, account);
      });
    });
    const granted = answers.every((answer) => answer?.granted);
    const taken = [...found.values()].map((account) => account.taken);
    const spent = granted && cost > 0 ? cost * Math.floor(Math.min(...taken) / cost) : 0;
    const excess = (charge: Charge, account: AccountAnswer) => (charge.rule.leaseMs > 0 ? 0 : account.taken - spent);
    const excesses = [...found].map(([charge, account]) => [charge, excess(charge, account)] as const);
    // It goes on when the time of whoever asked is up.
    await untilCallerLeaves({ clock, longestMs: leftMs }, () => giveBack(excesses, id)).catch(() => undefined);
    const accounts = charges.flatMap((charge) => {
      const account = found.get(charge);
      if (!account) return [];
      const back = excess(charge, account);
      return [{ ...account, taken: account.taken - back, left: account.left + back }];
    });
    return accounts.length === charges.length ? { granted, accounts } : undefined;
  };

  const giveBack = async (excesses: readonly (readonly [Charge, number])[], id: string): Promise<void> => {
    const calls = excesses
      .filter(([, permits]) => permits > 0)
      .map(([charge, permits]) =>
        scriptCall([charge], { mode: 'give', cost: permits, need: 0, id }, [ruleArgument(charge.rule)]),
      );
    // What cannot be given back stays taken: a little too much is refused then, never too much granted.
    if (calls.length > 0) await runScriptsWith(kv, calls, []).catch(() => undefined);
  };

  return ask;
}
