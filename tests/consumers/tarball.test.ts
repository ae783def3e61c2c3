import { isBuiltin } from 'node:module';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { exported, isEmpty, mapOf, type PackageContents, reachedFrom, unpack } from '../support/package-contents.ts';

describe('the packed package', () => {
  let contents: PackageContents;
  const paths = (): readonly string[] => [...contents.files.keys()];
  const bins = (): readonly string[] => Object.values(contents.manifest.bin).map((path) => path.replace('./', ''));
  const text = (path: string): string => contents.files.get(path) ?? '';

  beforeAll(async () => {
    contents = await unpack(inject('tarball'));
  });

  it('holds what is run, its sources, SQL and the documents that npm shows, and nothing else', () => {
    const folders = new Set(paths().map((path) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : path)));
    expect([...folders].toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'cli',
      'dist',
      'lib',
      'package.json',
      'sql',
    ]);
    expect(paths().filter((path) => /\.test\.|(?:^|\/)\.|\.(?:env|log|tsbuildinfo|tgz)\b/.test(path))).toEqual([]);
    expect(['LICENSE', 'README.md', 'CHANGELOG.md'].filter((path) => text(path).length < 500)).toEqual([]);
  });

  it('has a file to run and a declaration for each export', () => {
    const files = exported(contents.manifest);
    expect(files.length).toBeGreaterThan(80);
    expect(files.filter((path) => !contents.files.has(path))).toEqual([]);
    expect(files.filter((path) => path.endsWith('.js') && isEmpty(text(path)))).toEqual([]);
  });

  it('has nothing in dist that no export and no command reaches', () => {
    const { files } = reachedFrom([...exported(contents.manifest), ...bins()], contents);
    const built = paths().filter((path) => /^dist\/.*\.(?:js|d\.ts)$/.test(path));
    // A module without values is reached by its declaration, and the other way round; those of commands have none.
    const reached = (path: string) =>
      [path, path.replace(/\.js$/, '.d.ts'), path.replace(/\.d\.ts$/, '.js')].some((one) => files.has(one));
    const unreached = built.filter((path) => !reached(path) && !(path.startsWith('dist/cli/') && isEmpty(text(path))));
    expect(unreached).toEqual([]);
    expect([...files].filter((path) => !contents.files.has(path))).toEqual([]);
  });

  it('has the sources that its maps lead to, and no others', () => {
    const built = paths().filter((path) => /^dist\/.*\.(?:js|d\.ts)$/.test(path));
    const maps = built.map((path) => mapOf(path, text(path)));
    expect(maps.filter(({ map }) => !contents.files.has(map))).toEqual([]);
    expect(paths().filter((path) => path.endsWith('.map'))).toHaveLength(built.length);
    const sources = new Set(maps.flatMap(({ map, sources: of }) => of(text(map))));
    expect(paths().filter((path) => /^(?:lib|cli)\//.test(path))).toEqual([...sources].toSorted());
  });

  it('has a command that can be run as a file', () => {
    expect(bins()).toEqual(['dist/cli/breakwater.js']);
    expect(contents.executable).toEqual(bins());
    expect(bins().map((path) => text(path).split('\n')[0])).toEqual(['#!/usr/bin/env node']);
  });

  it('imports nothing but Node, what it depends on and its optional peers', () => {
    const { dependencies, peerDependencies, peerDependenciesMeta } = contents.manifest;
    const { packages } = reachedFrom([...exported(contents.manifest), ...bins()], contents);
    const nameOf = (specifier: string) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
    const foreign = new Set([...packages].filter((specifier) => !isBuiltin(specifier)).map(nameOf));
    const declared = [...Object.keys(dependencies), ...Object.keys(peerDependencies)];
    expect([...foreign].toSorted()).toEqual(declared.toSorted());
    expect(peerDependenciesMeta).toEqual(
      Object.fromEntries(Object.keys(peerDependencies).map((name) => [name, { optional: true }])),
    );
  });

  it('says which Node it wants, and that its modules may be left out', () => {
    expect(contents.manifest).toMatchObject({ type: 'module', sideEffects: false, engines: { node: '>=20.9' } });
  });

  it('has nothing that npm would run where it is installed', () => {
    const { scripts = {} } = contents.manifest as { scripts?: Readonly<Record<string, string>> };
    expect(Object.keys(scripts).filter((name) => /^(?:pre|post)?install$|^prepare$/.test(name))).toEqual([]);
  });
});
