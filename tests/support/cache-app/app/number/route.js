import { cacheLife, cacheTag } from 'next/cache';
import { connection } from 'next/server';

async function number(name) {
  'use cache: remote';
  cacheTag(`number-${name}`);
  cacheLife({ stale: 300, revalidate: 3_600, expire: 86_400 });
  return `${process.pid} ${Math.random()}`;
}

export async function GET(request) {
  await connection();
  return new Response(await number(new URL(request.url).searchParams.get('name')));
}
