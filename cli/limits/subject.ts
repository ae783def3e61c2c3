import { formatIp, maskIp, parseIp } from '../../lib/guard/ip-address.ts';
import { isKeyId } from '../../lib/keys/key-id.ts';
import type { IdRecord } from '../../lib/keys/record.ts';
import { kvKeyStore } from '../../lib/keys/source/kv-key-store.ts';
import type { CommandIo, Positional } from '../command.ts';
import { Failure } from '../failure.ts';
import type { KeysSession } from '../keys/session.ts';
import { noSuchKey, readTarget, resolveTarget, type Target } from '../keys/target.ts';

export const SUBJECT_POSITIONAL: Positional = {
  name: 'SUBJECT',
  description:
    'whose account: an address; the id of a key, key_…; - to read that, or the key itself, from standard input; or any other subject as the application names it',
};

/** Whose account is meant, as far as the command line says. */
export type GivenSubject = { readonly kind: 'address' | 'text'; readonly subject: string } | KeySubject;

interface KeySubject {
  readonly kind: 'key';
  readonly target: Target;
}

/** Whose account it is: by which name, what for people, and with which limits of its own. */
export interface Subject {
  readonly kind: GivenSubject['kind'];
  /** What the account is kept under. */
  readonly account: string;
  /** What may be shown of it: of a key its id. */
  readonly shown: string;
  readonly record: IdRecord | undefined;
}

/** As many bits of an address make one client, unless the application says otherwise. */
const IPV6_PREFIX = 64;
const MAX_LENGTH = 512;

/** @throws Failure without what was read. */
export async function readSubject(given: string | undefined, fromEnv: boolean, io: CommandIo): Promise<GivenSubject> {
  if (given === undefined || given === '-' || isKeyId(given) || fromEnv) {
    return { kind: 'key', target: await readTarget(given === undefined ? [] : [given], fromEnv, io) };
  }
  if (given === '' || given.length > MAX_LENGTH) {
    throw new Failure(2, `SUBJECT must have 1 to ${MAX_LENGTH} characters`);
  }
  const ip = parseIp(given);
  if (ip === undefined) return { kind: 'text', subject: given };
  const block = ip.version === 4 ? formatIp(ip) : `${formatIp(maskIp(ip, IPV6_PREFIX))}/${IPV6_PREFIX}`;
  return { kind: 'address', subject: block };
}

/** One request, or more for a key itself; none for what is no key. @throws Failure for a key that is not on record */
export async function resolveSubject(given: GivenSubject, session: KeysSession): Promise<Subject> {
  if (given.kind !== 'key') {
    return { kind: given.kind, account: given.subject, shown: given.subject, record: undefined };
  }
  const { keys, kv } = session;
  const id = await resolveTarget(given.target, session);
  const record = (await kvKeyStore({ kv, mayBegin: false }).get(id)) ?? (await noSuchKey(session));
  const account =
    'key' in given.target ? (await keys.digest(given.target.key)).digest : await accountOf(record, session);
  return { kind: 'key', account, shown: id, record };
}

/** A key's account is kept under its digest, by the pepper that new keys are digested under. */
async function accountOf(record: IdRecord, { keys }: KeysSession): Promise<string> {
  const { kid } = await keys.digest(record.id);
  const digests = record.digests.filter((one) => one.kid === kid);
  const found = digests.find(({ until }) => until === null) ?? digests[0];
  if (found) return found.digest;
  throw new Failure(2, 'That key is on record under another pepper: give the key itself, with - or --from-env');
}
