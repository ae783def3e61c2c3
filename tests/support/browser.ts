import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { projectRoot } from './source-tree.ts';

export const SCREENSHOTS: string = join(projectRoot, 'tests/browser/screenshots');

/** The Chromium of this system: `.ci/run` installs it where it is missing. `CHROMIUM` names another. */
export function startBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  // As root it runs without a sandbox or not at all, and shows nothing but our own pages.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  mkdirSync(SCREENSHOTS, { recursive: true });
  return chromium.launch({ executablePath, args });
}

/** A page, and all that it complained about. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors of scripts, of the console and of its policies; requests that failed or were answered with 400 and above. */
  readonly complaints: readonly string[];
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const page = await browser.newPage({ locale: 'en-GB', ...options });
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfailed', (failed) => complaints.push(`${failed.url()}: ${failed.failure()?.errorText}`));
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.url()}: ${response.status()}`);
  });
  await page.goto(url);
  return { page, complaints };
}

/** Of `complaints`, those that are not the browser's own word on an answer or a connection that failed. */
export function ofThePage(complaints: readonly string[]): readonly string[] {
  return complaints.filter((text) => !/^Failed to load resource: |^http:\/\/localhost:\d+\/api\//.test(text));
}
