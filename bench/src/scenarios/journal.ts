import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { $ } from 'zx/core';
import { formatTimestamp } from '../../../lib/common/timestamp.ts';
import { addPoints, POINT_MIX } from '../../trees/new-points.ts';
import { makeRealisticTree, SMALL_FILES } from '../../trees/realistic-tree.ts';
import type { Contender, Places } from '../contender.ts';
import { type OursOptions, oursAs } from '../contenders/ours.ts';
import { type Size, sizeOf } from '../ground.ts';
import { measure } from '../meter.ts';
import type { Outcome, Plan } from '../plan.ts';
import { type Entry, inRounds } from '../rounds.ts';

/** Longer than the clock resolution with which programs detect changed files. */
const SETTLE_MS = 2500;

const RUNS = 24;
const MINUTES_PER_RUN = 15;

/** An hour of new points in every file: the journal, and whole backups beside it. */
export async function journal(plan: Plan, files: number): Promise<Outcome> {
  const { ground, log } = plan;
  const count = files.toLocaleString('en');
  const now = thisMinute();
  const tree = await makeTree(plan, files, now - 3600);
  const ours = (options: Partial<OursOptions> & Pick<OursOptions, 'id' | 'title'>): Contender =>
    oursAs(plan.program, { runtime: 'release', processes: plan.processes, ...options });
  const contenders = [
    ours({ id: 'journal', title: 'whisper-backup journal, gzip', command: 'journal' }),
    ours({
      id: 'journal-zst',
      title: 'whisper-backup journal, zstd',
      command: 'journal',
      backup: ['--algorithm', 'zst'],
    }),
    ours({ id: 'journal-deno', title: 'whisper-backup journal, gzip, on Deno', command: 'journal', runtime: 'deno' }),
    ours({ id: 'journal-backup', title: 'whisper-backup backup' }),
    ...plan.contenders.always.filter(({ id }) => id === 'restic'),
  ];
  const starts = new Map<Contender, Start>();
  for (const contender of contenders) {
    log(`Backing up ${count} files: ${contender.title}`);
    const places = ground.places(TREE, contender);
    await ground.forget(places);
    const prepare = contender.prepare?.(places);
    if (prepare) await measure(prepare, plan);
    const base = contender.kind === 'ours' ? ours({ id: contender.id, title: '' }) : contender;
    await measure(base.backup(places, 0), plan);
    await sleep(SETTLE_MS);
    // A journal of the state of the backup, for the marks.
    if (base !== contender) await measure(contender.backup(places, 1), plan);
    starts.set(contender, await Start.of(places, ground.at('starts', contender.id)));
  }
  const points = addPoints(tree, { files, after: now - 3600, minutes: 60 });
  await sleep(SETTLE_MS);
  const scenario = {
    id: 'journal',
    title: `An hour of new points, ${count} files of 17 KB`,
    note:
      `Every file has got a point a minute since the last run: ${points.toLocaleString('en')} points, ${POINT_MIX}. ` +
      'The journal stores the points, the others the changed files. Stored: what the run added to the store, ' +
      'requests: the objects or files it added, each a PUT.',
    ...{ points, ours: 'journal' },
  };
  const entries = [...starts].map(([contender, start]): Entry => {
    const added = async (): Promise<Size> => {
      const { files, bytes } = await sizeOf(start.places.store);
      return { files: files - start.size.files, bytes: bytes - start.size.bytes };
    };
    return {
      contender,
      command: contender.backup(start.places, 2),
      async before() {
        await start.restore(() => ground.forget(start.places));
        await ground.warm(start.places.tree, start.places.store);
      },
      requests: async () => (await added()).files,
      after: async () => (await added()).bytes,
    };
  });
  const measurements = await inRounds(scenario, entries, plan);
  await ground.emptied('starts');
  return { scenarios: [scenario], measurements, contenders };
}

/** A restore of everything with the runs of a journal, and without one. */
export async function restoreJournal(plan: Plan, files: number): Promise<Outcome> {
  const { ground, log, program, processes } = plan;
  const now = thisMinute();
  const begin = now - RUNS * MINUTES_PER_RUN * 60;
  const tree = await makeTree(plan, files, begin);
  const options = { id: 'journal-restore', title: 'with the journal', runtime: 'release', processes } as const;
  const journal = oursAs(program, { ...options, command: 'journal' });
  const places = ground.places(TREE, journal);
  await ground.forget(places);
  await measure(oursAs(program, options).backup(places, 0), plan);
  await predate(places.store, new Date(begin * 1000));
  await measure(journal.backup(places, 0), plan);
  let points = 0;
  for (let run = 0; run < RUNS; run++) {
    log(`Journal run ${run + 1} of ${RUNS}`);
    const after = begin + run * MINUTES_PER_RUN * 60;
    points += addPoints(tree, { files, after, minutes: MINUTES_PER_RUN });
    await measure(journal.backup(places, run + 1), plan);
  }
  const scenario = {
    id: 'journal-restore',
    title: `Restore all with ${RUNS} journal runs, ${files.toLocaleString('en')} files of 17 KB`,
    note:
      `Each run has ${MINUTES_PER_RUN} points of every file, ${points.toLocaleString('en')} in all. With the journal ` +
      'every file must equal the live one byte for byte.',
    baseline: { contender: 'journal-restore-none', title: 'without' },
  };
  const target = ground.at('restored');
  const entry = (contender: Contender, check: () => Promise<unknown>): Entry => ({
    contender,
    command: contender.restore?.(places, target) ?? { words: [] },
    async before() {
      await ground.emptied('restored');
      await ground.warm(places.store);
    },
    async after() {
      await check();
      return undefined;
    },
  });
  const without = {
    ...options,
    id: 'journal-restore-none',
    title: 'without it (--no-journal)',
    restore: ['--no-journal'],
  };
  const entries = [
    entry(journal, () => $({ quiet: true })`diff -rq ${tree} ${target}`),
    entry(oursAs(program, without), async () => {
      const { files: restored } = await sizeOf(target, '.wsp');
      if (restored !== files) throw new Error(`Cannot compare: ${restored} of ${files} files were restored`);
    }),
  ];
  const measurements = await inRounds(scenario, entries, plan);
  await ground.emptied('restored');
  return { scenarios: [scenario], measurements, contenders: entries.map(({ contender }) => contender) };
}

const TREE = 'journal';

function thisMinute(): number {
  return Math.floor(Date.now() / 60_000) * 60;
}

/**
 * Makes a tree whose newest points are of a time. The points of its last hours were written one by one, because the first
 * run of a journal stores some of them.
 *
 * @returns its prefix.
 */
async function makeTree({ ground, log }: Plan, files: number, now: number): Promise<string> {
  log(`Making ${files.toLocaleString('en')} files for the journal`);
  const tree = await ground.emptied('trees', TREE);
  const minutes = 180;
  makeRealisticTree(tree, { ...SMALL_FILES, files }, now - minutes * 60);
  addPoints(tree, { files, after: now - minutes * 60, minutes });
  return tree;
}

/** Renames the backups in a store, as if they were of an earlier time: a journal starts at the time of the backup. */
async function predate(store: string, time: Date): Promise<void> {
  for (const name of await readdir(store, { recursive: true })) {
    const [, directory, rest] = /^(.*\/)[^/]+(\.[0-9a-f]{40}\.wsp\.gz)$/.exec(name) ?? [];
    if (rest !== undefined) await rename(join(store, name), join(store, `${directory}${formatTimestamp(time)}${rest}`));
  }
}

/** A store and state as they were before the measured runs, so that each run does the same. */
class Start {
  readonly places: Places;
  readonly size: Size;
  readonly #copy: string;

  private constructor(places: Places, size: Size, copy: string) {
    this.places = places;
    this.size = size;
    this.#copy = copy;
  }

  static async of(places: Places, copy: string): Promise<Start> {
    await mkdir(copy, { recursive: true });
    await $({ quiet: true })`cp -a ${places.store} ${join(copy, 'store')}`;
    await $({ quiet: true })`cp -a ${places.state} ${join(copy, 'state')}`;
    return new Start(places, await sizeOf(places.store), copy);
  }

  /** @param forget deletes the store and the state. */
  async restore(forget: () => Promise<void>): Promise<void> {
    await forget();
    await $({ quiet: true })`cp -a ${join(this.#copy, 'store')} ${this.places.store}`;
    await $({ quiet: true })`cp -a ${join(this.#copy, 'state')}/. ${this.places.state}`;
  }
}
