import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type ScriptTranslation, scriptTranslationFor } from '../../lib/store/script-translation.ts';
import type { Command } from '../../lib/store/store.ts';

const shaOf = (text: string): string => createHash('sha1').update(text).digest('hex');
const sha1 = async (text: string): Promise<string> => shaOf(text);

const FLAGGED = '#!lua flags=allow-key-locking\nreturn 1';
const STOCK = '\nreturn 1';
const PLAIN = 'return 1';

/** What the store is sent for `commands`, and what the caller gets when it answers each with its own name. */
async function sentFor(scripts: ScriptTranslation, ...commands: Command[]) {
  let sent: readonly Command[] = [];
  const replies = await scripts.run(commands, async (translated) => {
    sent = translated;
    return translated.map(() => 'reply');
  });
  return { sent, replies };
}

describe('scripts on their way to a Redis by TCP', () => {
  const translation = () => scriptTranslationFor('redis', sha1);

  it('lose the flag that only Upstash knows, and are found by the digest that the client knows', async () => {
    const scripts = translation();
    const evaluated = await sentFor(scripts, ['EVAL', FLAGGED, 1, 'k'], ['eval_ro', FLAGGED, 0]);
    expect(evaluated.sent).toEqual([
      ['EVAL', STOCK, 1, 'k'],
      ['eval_ro', STOCK, 0],
    ]);
    const asked = await sentFor(
      scripts,
      ['evalsha', shaOf(FLAGGED).toUpperCase(), 1, 'k'],
      ['EVALSHA_RO', shaOf(FLAGGED), 0],
      ['SCRIPT', 'exists', shaOf(FLAGGED), shaOf(PLAIN)],
    );
    expect(asked.sent).toEqual([
      ['evalsha', shaOf(STOCK), 1, 'k'],
      ['EVALSHA_RO', shaOf(STOCK), 0],
      ['SCRIPT', 'exists', shaOf(STOCK), shaOf(PLAIN)],
    ]);
  });

  it('are loaded under the digest of the text that the client gave, even for the next command of one batch', async () => {
    const { sent, replies } = await sentFor(
      translation(),
      ['SCRIPT', 'LOAD', FLAGGED],
      ['EVALSHA', shaOf(FLAGGED), 0],
      ['SCRIPT', 'LOAD', PLAIN],
    );
    expect(sent).toEqual([
      ['SCRIPT', 'LOAD', STOCK],
      ['EVALSHA', shaOf(STOCK), 0],
      ['SCRIPT', 'LOAD', PLAIN],
    ]);
    expect(replies).toEqual([shaOf(FLAGGED), 'reply', 'reply']);
  });

  it('that failed to load answer with their error', async () => {
    const refused = { error: 'ERR Error compiling script' };
    const replies = await translation().run([['SCRIPT', 'LOAD', FLAGGED]], async () => [refused]);
    expect(replies).toEqual([refused]);
  });

  it('stay as they are without that flag, as do all other commands', async () => {
    const commands: Command[] = [
      ['EVAL', PLAIN, 0],
      ['EVALSHA', shaOf(PLAIN), 0],
      ['SCRIPT', 'FLUSH'],
      ['GET', FLAGGED],
      ['EVAL'],
    ];
    expect((await sentFor(translation(), ...commands)).sent).toEqual(commands);
  });

  it('leave in the same turn, but for the first time that a flagged text is seen', async () => {
    const scripts = translation();
    const order: string[] = [];
    const send = (name: string, ...commands: Command[]) =>
      scripts.run(commands, async () => {
        order.push(name);
        return commands.map(() => null);
      });
    const plain = send('plain', ['EVAL', PLAIN, 0]);
    order.push('turn');
    const first = send('first', ['EVAL', FLAGGED, 0]);
    const behind = send('behind', ['GET', 'k']);
    order.push('turn');
    await Promise.all([plain, first, behind]);
    const again = send('again', ['EVAL', FLAGGED, 0]);
    order.push('turn');
    await again;
    expect(order).toEqual(['plain', 'turn', 'turn', 'first', 'behind', 'again', 'turn']);
  });

  it('are forgotten beyond a thousand, the longest unused first', async () => {
    const scripts = translation();
    const text = (index: number) => `${FLAGGED} + ${index}`;
    for (let index = 0; index < 1_000; index += 1) await sentFor(scripts, ['EVAL', text(index), 0]);
    await sentFor(scripts, ['EVAL', text(0), 0]);
    await sentFor(scripts, ['EVAL', text(1_000), 0]);
    const asked = await sentFor(scripts, ...[0, 1, 1_000].map((index): Command => ['EVALSHA', shaOf(text(index)), 0]));
    expect(asked.sent.map(([, sha]) => sha)).toEqual([shaOf(`${STOCK} + 0`), shaOf(text(1)), shaOf(`${STOCK} + 1000`)]);
    await sentFor(scripts, ['EVAL', text(1), 0]);
    expect((await sentFor(scripts, ['EVALSHA', shaOf(text(1)), 0])).sent).toEqual([
      ['EVALSHA', shaOf(`${STOCK} + 1`), 0],
    ]);
  });

  it('go on after a digest that failed', async () => {
    let fails = true;
    const scripts = scriptTranslationFor('redis', async (text) => {
      if (fails) throw new Error('no WebCrypto');
      return shaOf(text);
    });
    await expect(sentFor(scripts, ['EVAL', FLAGGED, 0])).rejects.toThrow('no WebCrypto');
    fails = false;
    expect((await sentFor(scripts, ['EVAL', FLAGGED, 0])).sent).toEqual([['EVAL', STOCK, 0]]);
  });
});

it.each(['upstash', 'memory'] as const)('scripts for %s stay as they are: it minds no flag', async (kind) => {
  const commands: Command[] = [
    ['EVAL', FLAGGED, 0],
    ['SCRIPT', 'LOAD', FLAGGED],
    ['EVALSHA', shaOf(FLAGGED), 0],
  ];
  const { sent, replies } = await sentFor(scriptTranslationFor(kind, sha1), ...commands);
  expect(sent).toEqual(commands);
  expect(replies).toEqual(['reply', 'reply', 'reply']);
});
