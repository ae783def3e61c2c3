import { revalidatePath, revalidateTag } from 'next/cache';

export async function POST(request) {
  const { searchParams } = new URL(request.url);
  const [tag, path, expire] = ['tag', 'path', 'expire'].map((name) => searchParams.get(name));
  if (path) revalidatePath(path);
  else revalidateTag(tag, expire === null ? { expire: 0 } : { expire: Number(expire) });
  return new Response(null, { status: 204 });
}
