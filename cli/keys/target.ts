import { isKeyId } from '../../lib/keys/key-id.ts';
import { kvKeyStore } from '../../lib/keys/source/kv-key-store.ts';
import type { CliCommand, CommandIo, Positional } from '../command.ts';
import { Failure } from '../failure.ts';
import { KEY_VARIABLE, NO_KEY_IN_ARGUMENTS } from '../key-argument.ts';
import { flag, type Option } from '../option.ts';
import { KEYS_ENVIRONMENT } from '../redis-environment.ts';
import { type KeysSession, NO_KEYS_STATUS, wantKeys } from './session.ts';

/** The key that a command is about: its id, or itself. */
export type Target = { readonly id: string } | { readonly key: string };

export const KEY_POSITIONAL: Positional = {
  name: 'ID',
  description: 'the id of a key, key_…; or - to read it, or the key itself, from standard input',
};

export const FROM_ENV_OPTION: Option<boolean> = flag(`take the id, or the key itself, from ${KEY_VARIABLE}`);

/** What help says of commands that are about one key. */
export const TARGET_NOTES: Pick<CliCommand, 'environment' | 'statuses'> = {
  environment: [...KEYS_ENVIRONMENT, [KEY_VARIABLE, 'the key that --from-env is about']],
  statuses: { ...NO_KEYS_STATUS, 3: 'there is no such key' },
};

const NO_SUCH_KEY = 'There is no such key';

/** Reads which key is meant. @throws Failure without what was read. */
export async function readTarget(positionals: readonly string[], fromEnv: boolean, io: CommandIo): Promise<Target> {
  const [given] = positionals;
  if ((given === undefined) === !fromEnv) {
    throw new Failure(2, 'Give the id of one key, or - to read it from standard input, or --from-env');
  }
  if (given !== undefined && given !== '-') {
    if (!isKeyId(given)) throw new Failure(2, `That is not the id of a key. ${NO_KEY_IN_ARGUMENTS}`);
    return { id: given };
  }
  const text = fromEnv ? io.env[KEY_VARIABLE]?.trim() : await io.readLine();
  if (!text) throw new Failure(2, fromEnv ? `${KEY_VARIABLE} is not set` : 'There is nothing on standard input');
  return isKeyId(text) ? { id: text } : { key: text };
}

/** The id of the key that is meant. One request for each pepper for a key itself. @throws Failure when it is unknown */
export async function resolveTarget(target: Target, session: KeysSession): Promise<string> {
  if ('id' in target) return target.id;
  const { keys, kv, io } = session;
  if (!keys.format.accepts(target.key)) {
    throw new Failure(2, 'What was read is neither the id of a key nor a key with the prefix that is set');
  }
  const records = kvKeyStore({ kv, mayBegin: false });
  for (const digest of await keys.digest.all(target.key)) {
    const found = await records.findByDigest(digest, { signal: io.stop });
    if (found) return found.id;
  }
  throw new Failure(3, NO_SUCH_KEY);
}

/** @throws Failure: there is no key with this id, or nobody can say. */
export async function noSuchKey(session: KeysSession, words: string = NO_SUCH_KEY): Promise<never> {
  await wantKeys(session);
  throw new Failure(3, words);
}
