import { isErrorReply, type Reply } from '../../lib/store/store.ts';

type Json = string | number | null | readonly Json[];

export type RestItem = { readonly result: Json } | { readonly error: string };

/** One reply as the protocol writes it. With `base64` all strings are, but for the status `OK`; errors never are. */
export function encodeReply(reply: Reply, base64: boolean): RestItem {
  if (isErrorReply(reply)) return { error: reply.error };
  return { result: reply === 'OK' ? reply : encode(reply, base64) };
}

function encode(reply: Reply, base64: boolean): Json {
  if (typeof reply === 'string') return base64 ? Buffer.from(reply).toString('base64') : reply;
  if (typeof reply === 'number' || reply === null) return reply;
  // The protocol has no form for an error inside an array.
  if (isErrorReply(reply)) return encode(reply.error, base64);
  return reply.map((item) => encode(item, base64));
}
