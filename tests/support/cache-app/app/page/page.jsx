import { cacheLife, cacheTag } from 'next/cache';

export default async function Page() {
  'use cache';
  cacheTag('page');
  cacheLife({ stale: 300, revalidate: 3_600, expire: 86_400 });
  return <p>{`made ${process.pid} ${Math.random()} end`}</p>;
}
