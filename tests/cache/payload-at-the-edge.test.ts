import { deflateRawSync } from 'node:zlib';
import { EdgeVM } from '@edge-runtime/vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { edgeBundle, edgeLeaks } from '../../bench/edge-bundle.mjs';

const SOURCE = `
  import { jsonCodec } from './lib/cache/payload/codec.ts';
  import { createPacker } from './lib/cache/payload/packer.ts';
  import { platformCompression } from './lib/cache/payload/platform-compression.ts';
  const packerOf = (compression) =>
    createPacker({ codec: jsonCodec(), compression, compressAboveBytes: 100, maxValueBytes: 10_000 });
  export { packerOf, platformCompression };
`;
const WITH_FFLATE = `${SOURCE} export { fflateCompression } from './lib/cache/fflate.ts';`;

const VALUE = 'abc'.repeat(200);
const ENTRY = deflateRawSync(JSON.stringify(VALUE)).toString('base64');

let [code, codeWithFflate] = ['', ''];
beforeAll(async () => {
  code = await edgeBundle(SOURCE, { format: 'iife', globalName: 'bundle' });
  codeWithFflate = await edgeBundle(WITH_FFLATE, { format: 'iife', globalName: 'bundle' });
});

/** As Next's sandbox has them: there to be read, and throwing when called. */
const withStubs = <Context extends object>(context: Context): Context => {
  for (const name of ['CompressionStream', 'DecompressionStream']) {
    function stub(): never {
      throw new Error(`A Node.js API is used (${name}) which is not supported in the Edge Runtime`);
    }
    Object.defineProperty(context, name, { get: () => stub });
  }
  return context;
};

const SANDBOXES: readonly (readonly [name: string, sandbox: () => EdgeVM])[] = [
  ['that has no compression', () => new EdgeVM()],
  ['that has it by name only', () => new EdgeVM({ extend: withStubs })],
];

describe.each(SANDBOXES)('in an Edge sandbox %s', (_name, sandbox) => {
  it('there is none', () => {
    expect(sandbox().evaluate(`${code};typeof bundle.platformCompression()`)).toBe('undefined');
  });

  it('values are stored as they are, and compressed entries are not for this process', () => {
    const script = `${code};
      const packer = bundle.packerOf(bundle.platformCompression());
      JSON.stringify([packer.pack(${JSON.stringify(VALUE)}), packer.unpack('jz', '${ENTRY}')]);`;
    const text = JSON.stringify(VALUE);
    expect(JSON.parse(sandbox().evaluate(script))).toEqual([
      { text, marks: 'j', wire: text },
      { problem: 'compression' },
    ]);
  });

  it('fflate reads what others have compressed, and compresses', async () => {
    const script = `${codeWithFflate};
      const packer = bundle.packerOf(bundle.fflateCompression());
      (async () => JSON.stringify([
        await packer.unpack('jz', '${ENTRY}'),
        await packer.unpack('jz', '${ENTRY.slice(0, -4)}'),
        (await packer.pack(${JSON.stringify(VALUE)})).marks,
      ]))();`;
    expect(JSON.parse(await sandbox().evaluate(script))).toEqual([
      { text: JSON.stringify(VALUE) },
      { problem: 'damaged' },
      'jz',
    ]);
  });
});

describe('the bundle of payloads', () => {
  it('has nothing in it that does not work at the edge', () => {
    expect(edgeLeaks(code)).toEqual([]);
    expect(edgeLeaks(codeWithFflate)).toEqual([]);
  });

  it('has no fflate in it unless asked for', () => {
    expect(code.length).toBeLessThan(6_000);
    expect(codeWithFflate.length).toBeGreaterThan(code.length + 4_000);
  });
});

describe('the sandboxes above', () => {
  it('are what they say', () => {
    const kinds = SANDBOXES.map(([, sandbox]) => sandbox().evaluate('typeof CompressionStream'));
    expect(kinds).toEqual(['undefined', 'function']);
    expect(() => SANDBOXES[1]?.[1]().evaluate("new CompressionStream('deflate-raw')")).toThrow('not supported');
  });
});
