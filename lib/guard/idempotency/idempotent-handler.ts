import { recordBody } from '../../cache/http/recorded-body.ts';
import { sha256 } from '../../client/crypto.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { buildKey } from '../../client/redis-keys.ts';
import { RETRY_MS } from '../../client/retry-after.ts';
import { type Cancel, type Clock, elapsedSince, instant } from '../../clock.ts';
import { ConfigError } from '../../errors.ts';
import { createDedup } from '../../primitives/dedup/dedup.ts';
import type { Claimed, Dedup } from '../../primitives/dedup/dedup-options.ts';
import { bodyProblem, readBodyBytes } from '../body.ts';
import type { Handler } from '../handler-limit.ts';
import { readIdempotencyKey } from './idempotency-key.ts';
import {
  type IdempotencyOptions,
  type ResolvedIdempotencyOptions,
  resolveIdempotencyOptions,
} from './idempotency-options.ts';
import { claimProblem, keyProblem } from './idempotency-problem.ts';
import { keepResponse, replayResponse } from './kept-response.ts';

/**
 * Puts idempotency keys in front of `handler`: however often a request is sent under one key, it runs once, and all are
 * answered with its response. What the handler throws is thrown on. See docs/dedup.md.
 *
 * @param clientOf made with the first request @throws ConfigError naming the option
 */
export function idempotentHandler<Req extends Request, Rest extends readonly unknown[]>(
  handler: Handler<Req, Rest>,
  options: IdempotencyOptions<Req>,
  clientOf: () => KvClient,
): (request: Req, ...rest: Rest) => Promise<Response> {
  const resolved = resolveIdempotencyOptions(options);
  let made: { readonly kv: KvClient; readonly dedup: Dedup } | undefined;
  const work = () => {
    const kv = clientOf();
    // What is kept of a response is bounded before it gets there.
    made ??= { kv, dedup: createDedup({ kv, name: resolved.name, maxResultBytes: MAX_KEPT_BYTES }) };
    return made;
  };

  return async (request, ...rest) => {
    if (!resolved.methods.includes(request.method)) return handler(request, ...rest);
    const key = readIdempotencyKey(request.headers);
    if (!key.ok) return key.reason === 'missing' && !resolved.required ? handler(request, ...rest) : keyProblem(key);
    const { kv, dedup } = work();
    const subject = buildKey('', await scopeOf(request, resolved), key.key);

    const { maxBodyBytes: maxBytes, bodyTimeoutMs: timeoutMs } = resolved;
    // Of a copy: the handler gets the request as it came.
    const body = await readBodyBytes(request.clone(), { maxBytes, timeoutMs, clock: kv.clock });
    if (!body.ok) {
      void request.body?.cancel().catch(() => undefined);
      return bodyProblem(body, { maxBytes });
    }
    const { processingMs, retentionMs } = resolved;
    const fingerprint = await fingerprintOf(request, body.bytes, resolved);
    const claim = await dedup.claim(subject, { processingMs, retentionMs, fingerprint });
    if (claim.status === 'claimed') {
      return runOnce(claim, async () => handler(request, ...rest), resolved, kv.clock);
    }
    void request.body?.cancel().catch(() => undefined);
    const replayed = claim.status === 'duplicate' ? replayResponse(claim.result) : undefined;
    return replayed ?? claimProblem(claim, RETRY_MS);
  };
}

const MAX_KEPT_BYTES = 536_870_912;

async function scopeOf<Req extends Request>(request: Req, { scope }: ResolvedIdempotencyOptions<Req>): Promise<string> {
  const text = await scope(request);
  if (typeof text === 'string' && text !== '') return text;
  throw new ConfigError('scope', 'must say who is asking, for each request');
}

async function fingerprintOf<Req extends Request>(
  request: Req,
  body: Uint8Array<ArrayBuffer>,
  { fingerprint }: ResolvedIdempotencyOptions<Req>,
): Promise<string> {
  if (fingerprint) return fingerprint(request, body);
  const { pathname, search } = new URL(request.url);
  return sha256(JSON.stringify([request.method, pathname, search, await sha256(body)]));
}

/** Runs the handler under a claim. Its response is there before it is handed out: whoever has seen it has it for good. */
async function runOnce<Req extends Request>(
  claim: Claimed,
  run: () => Promise<Response>,
  options: ResolvedIdempotencyOptions<Req>,
  clock: Clock,
): Promise<Response> {
  const stopExtending = keepExtending(claim, options, clock);
  // What goes wrong here takes nobody's response away: the claim lapses by itself.
  const free = async (): Promise<void> => {
    await claim.fail().catch(() => undefined);
  };
  const settle = (kept: string) => claim.finish(kept).catch(() => undefined);
  const finish = async (response: Response, body: Uint8Array | null | undefined): Promise<void> => {
    const kept = keepResponse(response, body, options.headers);
    const settled = await settle(kept);
    // That it has run matters most: one request that was lost is sent again, one that was refused without the body.
    if (settled === undefined) await settle(keepResponse(response, undefined, options.headers));
    else if (settled.status === 'unavailable') await settle(kept);
  };
  try {
    const response = await run().catch(async (error: unknown) => {
      await free();
      throw error;
    });
    // An error response of `fetch` has no status that could be replayed.
    if (response.status < 200 || options.isFailure(response)) {
      await free();
      return response;
    }
    if (!response.body) {
      await finish(response, null);
      return response;
    }
    const { maxResponseBytes: maxBytes, bodyTimeoutMs: timeoutMs } = options;
    const { stream, bytes } = recordBody(response.body, { maxBytes, timeoutMs, clock });
    const copy = new Response(stream, response);
    await finish(response, await bytes);
    return copy;
  } finally {
    stopExtending();
  }
}

/** Keeps others off while the handler runs, as long as it may. */
function keepExtending<Req extends Request>(
  claim: Claimed,
  { processingMs, maxProcessingMs }: ResolvedIdempotencyOptions<Req>,
  clock: Clock,
): Cancel {
  const startedAt = instant(clock);
  const everyMs = processingMs / 3;
  let stop: Cancel = () => undefined;
  let isOver = false;
  const extendLater = (): void => {
    // The last one is good for what is left of the handler's time.
    const delayMs = Math.min(everyMs, maxProcessingMs - processingMs - elapsedSince(startedAt, clock));
    if (isOver || delayMs <= 0) return;
    stop = clock.after(delayMs, () => {
      // Lost or away: the next time, which does not wait for this one, may do better, and there is nobody to tell.
      void claim.extend().catch(() => undefined);
      extendLater();
    });
  };
  extendLater();
  return () => {
    isOver = true;
    stop();
  };
}
