import { encodeText } from './text-bytes.ts';

/** Scripts by digest, and digests by text. */
export interface ScriptCache {
  /** Computes the digests of texts not seen yet, so that the rest can be synchronous. */
  digest(texts: readonly string[]): Promise<void>;
  /** Of a text whose digest has been computed. */
  digestOf(text: string): string;
  /** Keeps the script for EVALSHA. @returns its digest */
  load(text: string): string;
  find(sha1: string): string | undefined;
  clear(): void;
}

/** Redis keeps every script; a client that builds script texts from data would fill this process. */
const MAX_SCRIPTS = 1_000;

export function createScriptCache(): ScriptCache {
  const digests = new Map<string, string>();
  const scripts = new Map<string, string>();
  const digestOf = (text: string) => digests.get(text) ?? '';
  return {
    digestOf,
    async digest(texts) {
      const missing = texts.filter((text) => !digests.has(text));
      if (missing.length === 0) return;
      const computed = await Promise.all(missing.map(sha1));
      trim(digests);
      for (const [index, text] of missing.entries()) digests.set(text, computed[index] ?? '');
    },
    load(text) {
      const digest = digestOf(text);
      scripts.delete(digest);
      scripts.set(digest, text);
      trim(scripts);
      return digest;
    },
    find(digest) {
      const text = scripts.get(digest);
      if (text !== undefined) {
        scripts.delete(digest);
        scripts.set(digest, text);
      }
      return text;
    },
    clear: () => scripts.clear(),
  };
}

function trim(map: Map<string, string>): void {
  for (const key of map.keys()) {
    if (map.size <= MAX_SCRIPTS) return;
    map.delete(key);
  }
}

async function sha1(text: string): Promise<string> {
  const bytes = new Uint8Array(encodeText(text));
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-1', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
