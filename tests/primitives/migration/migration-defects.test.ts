import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  BOTH_SIDES_SURFACE,
  DELETIONS_NOT_MIRRORED,
  FLAPPING,
  MISSES_FORGOTTEN,
  type MigrationDefect,
  NO_GATES,
  NO_SECOND_LOOK,
  OVERWRITING_BACKFILL,
} from '../../support/migration-defects.ts';
import { migrationRig } from '../../support/migration-rig.ts';
import { playMigration } from '../../support/migration-world.ts';

const planted = vi.hoisted((): { defect: MigrationDefect } => ({ defect: {} }));

vi.mock(import('../../../lib/primitives/migration/mirror.ts'), async (load) => {
  const { createMirror } = await load();
  return {
    createMirror(options) {
      const sound = createMirror(options);
      return planted.defect.mirror?.(sound, options) ?? sound;
    },
  };
});

vi.mock(import('../../../lib/primitives/migration/copies.ts'), async (load) => {
  const module = await load();
  return { ...module, fillWith: (core) => planted.defect.fill?.(core) ?? module.fillWith(core) };
});

vi.mock(import('../../../lib/primitives/migration/journal.ts'), async (load) => {
  const { createJournal } = await load();
  return {
    createJournal(options) {
      const sound = createJournal(options);
      return planted.defect.journal?.(sound) ?? sound;
    },
  };
});

vi.mock(import('../../../lib/primitives/migration/mode.ts'), async (load) => {
  const module = await load();
  return {
    ...module,
    sideOf(mode, key) {
      const sound = module.sideOf(mode, key);
      return planted.defect.side?.(sound, mode) ?? sound;
    },
  };
});

vi.mock(import('../../../lib/primitives/migration/record-migration.ts'), async (load) => {
  const { createRecordMigration } = await load();
  return {
    createRecordMigration(options) {
      const sound = createRecordMigration(options);
      return planted.defect.migration?.(sound, options) ?? sound;
    },
  };
});

vi.mock(import('../../../lib/primitives/migration/mode-change.ts'), async (load) => {
  const module = await load();
  return {
    ...module,
    changeMode: (kv, names, mode, options) =>
      module.changeMode(kv, names, mode, planted.defect.isForced ? { force: true } : options),
  };
});

/** The first seed under which a violation is seen, if one is. */
async function firstViolation(): Promise<string | undefined> {
  for (let seed = 1; seed <= 30; seed += 1) {
    const [violation] = (await playMigration(seed, 60)).violations;
    if (violation !== undefined) return violation;
  }
  return undefined;
}

describe('a defect planted in the migration', () => {
  afterEach(() => {
    planted.defect = {};
  });

  it.each<readonly [string, MigrationDefect, RegExp]>([
    ['deletions that are not mirrored', DELETIONS_NOT_MIRRORED, /differs in|not/],
    ['writes that are not looked at again', NO_SECOND_LOOK, /differs in|not/],
    ['misses that are forgotten', MISSES_FORGOTTEN, /differs in|alone has|not/],
    ['reads that change sides', FLAPPING, /now from one side/],
    ['errors of the other side that surface', BOTH_SIDES_SURFACE, /write of . failed of/],
    ['changes that nothing is said against', NO_GATES, /differs in|alone has|not/],
  ])(
    'is noticed: %s',
    async (_, defect, expected) => {
      planted.defect = defect;
      expect(await firstViolation()).toMatch(expected);
    },
    60_000,
  );

  it('is noticed: a backfill that overwrites', async () => {
    const play = async (): Promise<readonly (string | undefined)[]> => {
      const { migration, old, fresh, put } = migrationRig();
      await migration.setMany(new Map(['deleted', 'changed'].map((key) => [key, 'first'])));
      await put('dual:read-old');
      fresh.before = async (call, key) => {
        if (call === 'get' || key !== 'deleted') return;
        fresh.before = undefined;
        await Promise.all([migration.delete('deleted'), migration.set('changed', 'second')]);
      };
      await migration.backfill(['deleted', 'changed']);
      return [old, fresh].flatMap(({ records }) => [records.get('deleted'), records.get('changed')]);
    };
    const sound = [undefined, 'second', undefined, 'second'];
    expect(await play()).toEqual(sound);
    planted.defect = OVERWRITING_BACKFILL;
    expect(await play()).not.toEqual(sound);
  });
});
