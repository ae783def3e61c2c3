import { elapsedSince, instant } from '../../clock.ts';
import { checkTags } from '../cache-settings.ts';
import { loaded, type Marked, skip } from '../loaded.ts';
import { recordBody } from './recorded-body.ts';
import type { CompiledOptions } from './response-cache-options.ts';
import { judgeResponse, type Obstacle, type ResponseLife } from './response-rules.ts';
import { type StoredResponse, storeResponse } from './stored-response.ts';

/** What the handler said to one request. */
export type Answer =
  | { readonly response: Response; readonly obstacle?: Obstacle | undefined }
  /** What it threw. */
  | { readonly error: unknown };

/** The handler's answer to one request, of which others may have a part. */
export interface OriginCall {
  /** Asks the handler: a loader. Fails with it, and where it answers with an error of the server. */
  readonly load: () => Promise<Marked<StoredResponse>>;
  /** Whether `load` was called. */
  readonly isUnderWay: () => boolean;
  /** For the request that it is the answer to, as soon as it begins. Never settles before `load` is called. */
  readonly answer: Promise<Answer>;
  /** Nobody reads the answer. A body that can be stored is read to its end all the same, within its bounds. */
  readonly leave: () => void;
}

export function createOriginCall<Req extends Request>(
  request: Req,
  ask: () => Promise<Response>,
  options: CompiledOptions<Req>,
): OriginCall {
  let isUnderWay = false;
  let tell: (answer: Answer) => void = () => undefined;
  const answer = new Promise<Answer>((resolve) => {
    tell = resolve;
  });

  const load = async (): Promise<Marked<StoredResponse>> => {
    isUnderWay = true;
    try {
      const response = await ask();
      if (isFailure(response)) {
        tell({ response });
        throw new Error('The handler answered with an error of the server');
      }
      const judgedAt = instant(options.clock);
      const verdict = judgeResponse(response, options, options.clock.now());
      if (!verdict.isStorable) {
        tell({ response, obstacle: verdict.obstacle });
        return skip(UNSHARED);
      }
      // Here already: the cache would say so after the response has been handed out, when nobody hears it.
      const tags = checkTags(options.tags(request, response));
      const recorded = record(response, options);
      tell({ response: recorded.response });
      const bytes = await recorded.bytes;
      const life = lifeAfter(elapsedSince(judgedAt, options.clock), verdict.life);
      return stored(recorded.response, bytes, life, tags, options);
    } catch (error) {
      tell({ error });
      throw error;
    }
  };
  return {
    load,
    isUnderWay: () => isUnderWay,
    answer,
    leave: () => void answer.then(discard),
  };
}

/** Answers that are worth less than what is stale. */
export function isFailure(response: Response): boolean {
  return response.status >= 500;
}

/** Lets go of a body that nobody will read. */
export function discard(answer: Answer): void {
  if ('response' in answer) void answer.response.body?.cancel().catch(() => undefined);
}

/** What callers are given who waited for a response that is not for them. No response has this status. */
const UNSHARED: StoredResponse = {
  status: 0,
  headers: [],
  body: null,
  life: { ttlMs: 0, ageMs: 0, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 },
};

interface RecordedResponse {
  readonly response: Response;
  /** `undefined` where the body is not all there; `null` where there is none. */
  readonly bytes: Promise<Uint8Array | null | undefined>;
}

function record<Req extends Request>(response: Response, options: CompiledOptions<Req>): RecordedResponse {
  const { maxBodyBytes: maxBytes, bodyTimeoutMs: timeoutMs, clock } = options;
  if (!response.body) return { response, bytes: Promise.resolve(null) };
  const { stream, bytes } = recordBody(response.body, { maxBytes, timeoutMs, clock });
  return { response: new Response(stream, response), bytes };
}

function stored<Req extends Request>(
  response: Response,
  bytes: Uint8Array | null | undefined,
  life: ResponseLife,
  tags: readonly string[],
  { clock }: CompiledOptions<Req>,
): Marked<StoredResponse> {
  if (bytes === undefined || life.ttlMs <= 0) return skip(UNSHARED);
  if (bytes && !hasAnnouncedLength(response.headers, bytes)) return skip(UNSHARED);
  return loaded(storeResponse(response, bytes, life, clock.now()), { ttlMs: life.ttlMs, tags });
}

/** What is left of it when the body is there: the entry's own age begins then. */
function lifeAfter(bodyMs: number, life: ResponseLife): ResponseLife {
  const passedMs = Math.round(bodyMs);
  return { ...life, ttlMs: life.ttlMs - passedMs, ageMs: life.ageMs + passedMs };
}

/** A body that ended early is not to be kept for others. */
function hasAnnouncedLength(headers: Headers, bytes: Uint8Array): boolean {
  const length = headers.get('content-length');
  return length === null || Number(length) === bytes.byteLength;
}
