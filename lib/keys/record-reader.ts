import { createLru } from '../client/lru.ts';
import { type DigestRecord, readDigestRecord } from './record.ts';

const MAX_TEXTS = 1_000;

/** Reads the record of a digest. */
export type RecordReader<Config> = (digest: string, text: unknown) => DigestRecord<Config> | undefined;

/** Redis says the same of a key with every request: what it said last is not parsed again. */
export function createRecordReader<Config>(): RecordReader<Config> {
  const last = createLru<{ readonly text: unknown; readonly record: DigestRecord<Config> }>(MAX_TEXTS);
  return (digest, text) => {
    const known = last.get(digest);
    if (known?.text === text) return known?.record;
    const record = readDigestRecord<Config>(text);
    if (record) last.set(digest, { text, record });
    return record;
  };
}
