import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { projectRoot } from './source-tree.ts';

/** Written on each run, to be looked at. */
const SCREENSHOTS = join(projectRoot, 'tests/browser/screenshots');
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The Chromium of this system: `.ci/run` installs it where it is missing. */
export function startBrowser(): Promise<Browser> {
  const executablePath = PLACES.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error('Chromium is missing: sudo apt-get install chromium');
  // As root it runs without a sandbox or not at all, and it shows nothing but our own pages.
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
}

/** A page, and all that it complained about. */
export interface WatchedPage {
  readonly page: Page;
  /** What scripts and policies said; what the browser said of requests: that they failed, or came back with 400 and above. */
  readonly complaints: { readonly ofThePage: readonly string[]; readonly ofRequests: readonly string[] };
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const page = await browser.newPage({ locale: 'en-GB', viewport: { width: 1280, height: 900 }, ...options });
  const ofThePage: string[] = [];
  const ofRequests: string[] = [];
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    // Of each answer above 399, and of each connection that failed: no script can keep the browser from saying so.
    const list = message.text().startsWith('Failed to load resource: ') ? ofRequests : ofThePage;
    list.push(message.text());
  });
  page.on('pageerror', (error) => ofThePage.push(String(error)));
  page.on('requestfailed', (request) => ofRequests.push(`${request.url()}: ${request.failure()?.errorText}`));
  await page.goto(url);
  return { page, complaints: { ofThePage, ofRequests } };
}

/** The whole page as it is now, as `tests/browser/screenshots/<name>.png`. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

interface AxeViolation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What axe-core finds serious or critical, each in a line. */
export async function seriousIssues(page: Page): Promise<readonly string[]> {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(axe);
  const violations = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as AxeViolation[];
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
}

/** Milliseconds between the frames of the next `ms`: their median, the 95th of a hundred, and the longest. */
export async function frameTimes(page: Page, ms: number): Promise<{ median: number; p95: number; longest: number }> {
  const times = await page.evaluate(
    (duration) =>
      new Promise<number[]>((resolve) => {
        const found: number[] = [];
        const startedAt = performance.now();
        let last = startedAt;
        const frame = (now: number) => {
          found.push(now - last);
          last = now;
          if (now - startedAt < duration) requestAnimationFrame(frame);
          else resolve(found.slice(1));
        };
        requestAnimationFrame(frame);
      }),
    ms,
  );
  const sorted = times.sort((one, other) => one - other);
  const at = (share: number) => Math.round((sorted[Math.floor(share * (sorted.length - 1))] ?? 0) * 10) / 10;
  return { median: at(0.5), p95: at(0.95), longest: at(1) };
}
