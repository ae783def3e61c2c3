import { connection } from 'next/server';

export async function GET() {
  await connection();
  const response = await fetch(process.env.ORIGIN, { next: { tags: ['origin'], revalidate: 3_600 } });
  return new Response(await response.text());
}
