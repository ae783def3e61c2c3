import { pathToFileURL } from 'node:url';

/** What became of one group of examples. */
export interface ExampleRun {
  readonly name: string;
  /** The lines of the blocks that were begun. */
  readonly reached: readonly number[];
  readonly error?: string | undefined;
}

/** What a process is to run, one after the other. */
export interface ExampleOrder {
  readonly name: string;
  readonly file: string;
}

const LIMIT_MS = 30_000;

// What an example prints is for its reader.
console.log = console.warn = console.error = () => {};
let failLate: (error: unknown) => void = () => {};
process.on('unhandledRejection', (error) => failLate(error));
process.on('uncaughtException', (error) => failLate(error));

process.once('message', async (orders: readonly ExampleOrder[]) => {
  const runs: ExampleRun[] = [];
  for (const order of orders) runs.push(await runOne(order));
  process.send?.(runs, () => process.exit());
});

async function runOne({ name, file }: ExampleOrder): Promise<ExampleRun> {
  const reached: number[] = [];
  const late = new Promise<never>((_, reject) => {
    failLate = reject;
  });
  const limit = setTimeout(() => failLate(new Error(`It was not over after ${LIMIT_MS} ms`)), LIMIT_MS);
  try {
    const { run } = await import(pathToFileURL(file).href);
    await Promise.race([run((line: number) => reached.push(line)), late]);
    return { name, reached };
  } catch (error) {
    return { name, reached, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  } finally {
    clearTimeout(limit);
  }
}
