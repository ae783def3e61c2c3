import { createMac, randomBase62, sha256 } from '../../client/crypto.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { KV_PREFIXES } from '../../client/redis-keys.ts';
import { ConfigError } from '../../errors.ts';
import { entityName } from '../names.ts';
import type { SessionKeys } from './session-state.ts';

/** Where a session is: what of Redis has it in one slot with the others of its user, and its id there, digested. */
export interface Address {
  readonly group: string;
  readonly hash: string;
}

export interface SessionNames {
  /** A new token: 256 random bits, after the group, which is no secret and does not say who the user is. */
  newToken(group: string): string;
  /** Of a user; a new one for nobody's. */
  groupOf(userId: string | undefined): Promise<string>;
  /** `undefined` for what is no token of ours. */
  ofToken(token: string): Promise<Address | undefined>;
  /** Of an id that somebody else has made: in a group of its own, unless it is a token of ours. */
  ofId(id: string): Promise<Address>;
  /** Of an id that somebody else has made, in the group of a user. */
  ofIdIn(userId: string, id: string): Promise<Address>;
  keysOf(address: Address): Promise<SessionKeys>;
  groupKeys(group: string): Promise<{ readonly group: string; readonly index: string }>;
  /** The index of what the archive is to have, by when. */
  due(): Promise<string>;
}

const GROUP_LENGTH = 22;
const SECRET_LENGTH = 43;
const TOKEN = new RegExp(`^([\\w-]{${GROUP_LENGTH}})\\.[0-9A-Za-z]{${SECRET_LENGTH}}$`);
const ID = new RegExp(`^([\\w-]{${GROUP_LENGTH}})\\.([\\w-]{${SECRET_LENGTH}})$`);
const MAX_ID = 1_024;

export function createSessionNames(kv: KvClient, name: string, pepper: string | undefined): SessionNames {
  // With a pepper neither what Redis has nor what a cookie has lets a guess of a user's id be tested.
  const digest = pepper === undefined ? sha256 : createMac(pepper);
  const hashOf = (id: string) => digest(`id:${JSON.stringify(id)}`);
  const groupOf = async (userId: string | undefined) =>
    userId === undefined
      ? randomBase62(GROUP_LENGTH)
      : (await digest(`user:${JSON.stringify(userId)}`)).slice(0, GROUP_LENGTH);
  const baseOf = (group: string) => entityName(kv, KV_PREFIXES.SESSION, name, group);
  const groupKeys = async (group: string) => {
    const base = await baseOf(group);
    return { group: `${base}:user`, index: `${base}:index` };
  };

  const ofToken = async (token: string): Promise<Address | undefined> => {
    const group = TOKEN.exec(token)?.[1];
    return group === undefined ? undefined : { group, hash: await hashOf(token) };
  };

  return {
    newToken: (group) => `${group}.${randomBase62(SECRET_LENGTH)}`,
    groupOf,
    ofToken,
    async ofId(id) {
      const hash = await hashOf(boundedId(id));
      return { group: TOKEN.exec(id)?.[1] ?? hash.slice(0, GROUP_LENGTH), hash };
    },
    async ofIdIn(userId, id) {
      return { group: await groupOf(userId), hash: await hashOf(boundedId(id)) };
    },
    async keysOf({ group, hash }) {
      const base = await baseOf(group);
      return { session: `${base}:s:${hash}`, group: `${base}:user`, index: `${base}:index` };
    },
    groupKeys,
    due: () => baseOf('due'),
  };
}

/** What stands for a session outside Redis, and is no secret: nobody can be let in by it. */
export function publicId({ group, hash }: Address): string {
  return `${group}.${hash}`;
}

/** @throws ConfigError for what is no id of a session. */
export function addressOf(id: string): Address {
  const address = readAddress(id);
  if (address) return address;
  throw new ConfigError('session', 'must be a session, or its token');
}

/** `undefined` for what is no id of a session. */
export function readAddress(id: string): Address | undefined {
  const [, group, hash] = ID.exec(id) ?? [];
  return group === undefined || hash === undefined ? undefined : { group, hash };
}

function boundedId(id: string): string {
  if (id.length >= 1 && id.length <= MAX_ID) return id;
  throw new ConfigError('id', `must have 1 to ${MAX_ID} characters`);
}
