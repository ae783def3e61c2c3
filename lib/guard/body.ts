import { type Clock, systemClock } from '../clock.ts';
import { problem } from './problem.ts';

export interface BodyBounds {
  /** Counted as they arrive: what a client says of the length is only ever held against it. */
  readonly maxBytes: number;
  /** How long the whole body may take. @default 10_000 */
  readonly timeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

export type BodyText =
  | { readonly ok: true; readonly text: string }
  /** `unreadable`: no UTF-8, or the client has gone away. */
  | { readonly ok: false; readonly reason: 'too-large' | 'late' | 'unreadable' };

/** The body of a request as text, empty where there is none. Never throws for what a client sends, or does not. */
export async function readBody(request: Request, bounds: BodyBounds): Promise<BodyText> {
  const { maxBytes, timeoutMs = 10_000, clock = systemClock } = bounds;
  if (Number(request.headers.get('content-length')) > maxBytes) return { ok: false, reason: 'too-large' };
  const reader = request.body?.getReader();
  if (!reader) return { ok: true, text: '' };
  const giveUp = () => void reader.cancel().catch(() => undefined);
  let isLate = false;
  // Ends the read that is under way at once, whatever becomes of the stream behind it.
  const stopTimer = clock.after(timeoutMs, () => {
    isLate = true;
    giveUp();
  });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let [text, bytes] = ['', 0];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (isLate) return { ok: false, reason: 'late' };
      if (done) return { ok: true, text: text + decoder.decode() };
      bytes += value.byteLength;
      if (bytes > maxBytes) {
        giveUp();
        return { ok: false, reason: 'too-large' };
      }
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    giveUp();
    return { ok: false, reason: 'unreadable' };
  } finally {
    stopTimer();
  }
}

/** The answer to a body that has not been read. */
export function bodyProblem({ reason }: Extract<BodyText, { readonly ok: false }>, { maxBytes }: BodyBounds): Response {
  if (reason === 'too-large') return problem(413, 'content-too-large', `Send at most ${maxBytes} bytes.`);
  if (reason === 'late') return problem(408, 'body-late', 'The body took too long to arrive.');
  return problem(400, 'body-malformed', 'The body could not be read as UTF-8.');
}
