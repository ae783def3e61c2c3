import { expect } from 'vitest';
import type { KvClient } from '../../lib/client/kv-client.ts';
import type { Script } from '../../lib/client/script.ts';
import { issueScript, verifyScript } from '../../lib/primitives/one-time-code/code-scripts.ts';
import type { CodeAccount, CodeCheck } from '../../lib/primitives/one-time-code/codes-options.ts';
import type { Command, Reply, Store } from '../../lib/store/store.ts';
import { codeRig, issuedCode, otherThan } from './code-rig.ts';

/** What many do at once to the codes of one account, by way of one client or of several. */
export type CodeRace = (clients: readonly [KvClient, ...KvClient[]]) => Promise<void>;

const ACCOUNT: CodeAccount = { purpose: 'login', subject: 'ann@example.test' };

/** Fifty right answers at once: one of them is told that it was right. */
export const rightAnswers: CodeRace = async (clients) => {
  const [first, verify] = raced(clients);
  const code = await issuedCode(first, ACCOUNT);
  const told = await verify(Array.from({ length: 50 }, () => code));
  expect(counted(told)).toEqual({ verified: 1, expired: 49 });
};

/** Two hundred wrong answers at once: five are compared, and the right one comes too late. */
export const wrongAnswers: CodeRace = async (clients) => {
  const [first, verify] = raced(clients);
  const code = await issuedCode(first, ACCOUNT);
  const told = await verify(Array.from({ length: 200 }, (_, index) => otherThan(code, index)));
  expect(counted(told)).toEqual({ wrong: 5, expired: 195 });
  expect(triesLeft(told)).toEqual([0, 1, 2, 3, 4]);
  expect(counted(await verify([code]))).toEqual({ expired: 1 });
};

/** Ten guesses at once at each of sixty codes: a hundred are compared, and then no right one is good, nor another issued. */
export const guessesAtManyCodes: CodeRace = async (clients) => {
  const [first, verify] = raced(clients);
  const all: CodeCheck[] = [];
  let code = '';
  for (let round = 0; round < 60; round += 1) {
    const issued = await first.issue(ACCOUNT);
    if (issued.status === 'issued') code = issued.code;
    else expect(issued.status).toBe('locked');
    all.push(...(await verify(Array.from({ length: 10 }, (_, index) => otherThan(code, index)))));
  }
  expect(all.filter(({ status }) => status === 'wrong').length).toBe(100);
  expect(all.filter(({ status }) => status === 'verified')).toEqual([]);
  expect(counted(await verify([code]))).toEqual({ locked: 1 });
  expect(await first.issue(ACCOUNT)).toMatchObject({ status: 'locked' });
};

/** Twenty calls for a code at once: one gets it. */
export const callsForCodes: CodeRace = async (clients) => {
  const codes = clients.map((kv) => codeRig(kv).codes);
  const issued = await Promise.all(codes.flatMap((one) => Array.from({ length: 20 }, () => one.issue(ACCOUNT))));
  const good = issued.flatMap((one) => (one.status === 'issued' ? [one.code] : []));
  expect(counted(issued)).toEqual({ issued: 1, cooldown: issued.length - 1 });
  expect(await codes[0]?.verify({ ...ACCOUNT, code: good[0] ?? '' })).toEqual({ status: 'verified' });
};

function raced(clients: readonly [KvClient, ...KvClient[]]) {
  const codes = clients.map((kv) => codeRig(kv, { resendCooldownMs: 0 }).codes);
  const [first = codeRig(clients[0]).codes] = codes;
  const verify = (answers: readonly string[]): Promise<CodeCheck[]> =>
    Promise.all(answers.map((code, index) => (codes[index % codes.length] ?? first).verify({ ...ACCOUNT, code })));
  return [first, verify] as const;
}

function counted(answers: readonly { readonly status: string }[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

function triesLeft(checks: readonly CodeCheck[]): readonly number[] {
  return checks.flatMap((check) => (check.status === 'wrong' ? [check.triesLeft] : [])).sort((a, b) => a - b);
}

/** A defect of the codes: what becomes of their scripts on the way to a real Redis. */
export type CodeDefect = (store: Store) => Store;

/** A right answer does not use the code up. */
export const CODE_KEPT: CodeDefect = (store) =>
  rewritten(store, verifyScript, "redis.call('DEL', KEYS[1], KEYS[2])", "redis.call('DEL', KEYS[2])");

/** The last wrong answer does not end the code. */
export const TRIES_UNBOUNDED: CodeDefect = (store) =>
  rewritten(store, verifyScript, "if left == 0 then redis.call('DEL', KEYS[1]) end", '');

/** A new code forgets the wrong answers to the others. */
export const COUNTED_ANEW: CodeDefect = (store) =>
  rewritten(store, issueScript, "redis.call('DEL', KEYS[1],", "redis.call('DEL', KEYS[2], KEYS[1],");

/** A new code is issued whatever the account has been up to. */
export const LOCK_UNHEEDED: CodeDefect = (store) =>
  rewritten(store, issueScript, 'if not failures or failures >=', 'if false and failures >=');

/** Compares first, and counts when it knows. */
export const COMPARED_BEFORE_COUNTED: CodeDefect = (store) => {
  const verify = async ([, , , code = '', failures = '', , answer, tries]: Command): Promise<Reply> => {
    const [digest] = await store.execute([['HGET', code, 'digest']]);
    if (digest === null) return ['expired', 0];
    if (digest === answer) {
      await store.execute([['DEL', code, failures]]);
      return ['verified', 0];
    }
    const [count] = await store.execute([
      ['HINCRBY', code, 'tries', 1],
      ['INCR', failures],
    ]);
    const left = Math.max(0, Number(tries) - Number(count));
    if (left === 0) await store.execute([['DEL', code]]);
    return ['wrong', left];
  };
  return {
    ...store,
    execute: async (commands, options) => {
      const sha1 = await verifyScript.sha1();
      const [only] = commands;
      return only?.[1] === sha1 ? Promise.all(commands.map(verify)) : store.execute(commands, options);
    },
  };
};

/** A store that is sent another text in the place of a script. */
function rewritten(store: Store, script: Script, part: string, instead: string): Store {
  const lua = script.lua.replace(part, instead);
  if (lua === script.lua) throw new Error('The script has no such part');
  return {
    ...store,
    execute: async (commands, options) => {
      const sha1 = await script.sha1();
      const sent = commands.map(
        (command): Command => (command[1] === sha1 ? ['EVAL', lua, ...command.slice(2)] : command),
      );
      return store.execute(sent, options);
    },
  };
}
