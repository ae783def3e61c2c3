import { wholeNumber } from '../../client/whole-number.ts';
import { ConfigError } from '../../errors.ts';

/** How requests are recognised, and what is kept of their answers. Wrong settings throw a ConfigError. */
export interface IdempotencyOptions<Req extends Request = Request> {
  /**
   * Who is asking: the id of a verified identity, a user or an account. Keys are the callers' own choice: without this one
   * who guesses, or happens on, the key of another would be answered with that one's response. Never what the client only
   * claims to be; an empty text is an error.
   */
  readonly scope: (request: Req) => string | Promise<string>;
  /** Handlers of one name share keys: a key that one has answered is no other request's at another. @default 'idempotent' */
  readonly name?: string | undefined;
  /** Requests of other methods go to the handler as they are. @default ['POST', 'PATCH'] */
  readonly methods?: readonly string[] | undefined;
  /** Whether a request without a key is answered with 400; else it goes to the handler as it is. @default true */
  readonly required?: boolean | undefined;
  /** After a crash a retry may run again when this has passed, in milliseconds. Extended while the handler runs. @default 30_000 */
  readonly processingMs?: number | undefined;
  /** How long the handler may take with others kept off, in milliseconds. @default 600_000, or `processingMs` if that is more */
  readonly maxProcessingMs?: number | undefined;
  /** For how long a response is replayed, in milliseconds. @default 86_400_000 */
  readonly retentionMs?: number | undefined;
  /** Of the request; a larger one is answered with 413. @default 1_048_576 */
  readonly maxBodyBytes?: number | undefined;
  /** How long the body of the request may take, and that of the response, in milliseconds. @default 10_000 */
  readonly bodyTimeoutMs?: number | undefined;
  /** Of the response's body; of a larger one only the status is kept, and a retry is told so with 409. @default 1_048_576 */
  readonly maxResponseBytes?: number | undefined;
  /** The headers of a response that are replayed. Never `set-cookie`. @default {@link REPLAYED_HEADERS} */
  readonly headers?: readonly string[] | undefined;
  /**
   * Whether a retry is to run again after this response, instead of being answered with it. What the handler throws always
   * lets a retry run again. @default 5xx and 429
   */
  readonly isFailure?: ((response: Response) => boolean) | undefined;
  /**
   * What makes two requests the same, beside key and scope: for bodies that differ from one try to the next, as multipart
   * ones do in their boundary. @default method, path, query and a digest of the body
   */
  readonly fingerprint?: ((request: Req, body: Uint8Array) => string | Promise<string>) | undefined;
}

/** The headers of an answer that are kept, unless `headers` names others. */
export const REPLAYED_HEADERS: readonly string[] = [
  ...['allow', 'cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-location'],
  ...['content-range', 'content-type', 'etag', 'last-modified', 'link', 'location', 'vary', 'www-authenticate'],
];

export type ResolvedIdempotencyOptions<Req extends Request> = {
  readonly [Option in Exclude<keyof IdempotencyOptions, 'fingerprint' | 'scope'>]-?: Exclude<
    IdempotencyOptions[Option],
    undefined
  >;
} & Pick<IdempotencyOptions<Req>, 'fingerprint' | 'scope'>;

const MAX_BYTES = 67_108_864;
const MAX_PROCESSING_MS = 86_400_000;

/** Defaults filled in; an explicit `undefined` is unset. @throws ConfigError naming the option */
export function resolveIdempotencyOptions<Req extends Request>(
  options: IdempotencyOptions<Req>,
): ResolvedIdempotencyOptions<Req> {
  const { scope, fingerprint, name = 'idempotent', required = true, methods = ['POST', 'PATCH'] } = options;
  const { processingMs = 30_000, retentionMs = 86_400_000, bodyTimeoutMs = 10_000 } = options;
  const { maxProcessingMs = Math.max(600_000, processingMs) } = options;
  const { maxBodyBytes = 1_048_576, maxResponseBytes = 1_048_576, headers = REPLAYED_HEADERS } = options;
  const { isFailure = ({ status }) => status >= 500 || status === 429 } = options;
  if (typeof scope !== 'function') throw new ConfigError('scope', 'must be a function that says who is asking');
  wholeNumber('processingMs', processingMs, 1_000, MAX_PROCESSING_MS);
  wholeNumber('maxProcessingMs', maxProcessingMs, processingMs, MAX_PROCESSING_MS);
  wholeNumber('retentionMs', retentionMs, processingMs, 365 * 86_400_000);
  wholeNumber('bodyTimeoutMs', bodyTimeoutMs, 1, 3_600_000);
  wholeNumber('maxBodyBytes', maxBodyBytes, 0, MAX_BYTES);
  wholeNumber('maxResponseBytes', maxResponseBytes, 0, MAX_BYTES);
  if (!headers.every((header) => /^[!#$%&'*+.^_`|~\w-]+$/.test(header))) {
    throw new ConfigError('headers', 'must be names of headers');
  }
  if (headers.some((header) => header.toLowerCase() === 'set-cookie')) {
    throw new ConfigError('headers', 'must not have set-cookie: a cookie is for the response that it came with');
  }
  return {
    ...{ scope, fingerprint, name, required, isFailure, processingMs, maxProcessingMs, retentionMs, bodyTimeoutMs },
    ...{ maxBodyBytes, maxResponseBytes },
    methods: methods.map((method) => method.toUpperCase()),
    headers: headers.map((header) => header.toLowerCase()),
  };
}
