import { execFileSync } from 'node:child_process';

/** The suites run against real Redis servers, which they start themselves: `redis-server` has to be there. */
export default function setup(): void {
  if (hasProgram('redis-server', '--version')) return;
  if (hasProgram('apt-get', '--version') && process.getuid?.() === 0) {
    install();
    if (hasProgram('redis-server', '--version')) return;
  }
  throw new Error(
    'The tests need redis-server 7.0 or newer on the PATH. Install it with "sudo apt-get install redis-server" ' +
      '(Debian, Ubuntu) or "brew install redis" (macOS).',
  );
}

function hasProgram(name: string, argument: string): boolean {
  try {
    execFileSync(name, [argument], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function install(): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    execFileSync('apt-get', ['update'], { stdio: 'ignore', env });
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], { stdio: 'ignore', env });
  } catch (cause) {
    throw new Error('redis-server is missing and "apt-get install redis-server" failed: install it by hand', { cause });
  }
}
