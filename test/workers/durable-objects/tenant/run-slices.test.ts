/**
 * Recorded runs are read in slices after a restart, in a real database: each once and in order,
 * whatever happens to the table meanwhile, and no request waits for it.
 */
import { abortAllDurableObjects, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import {
  type FinishedRun,
  RecordedRuns,
} from '../../../../durable-objects/tenant/recorded-runs.ts';
import { RunSlices } from '../../../../durable-objects/tenant/run-slices.ts';
import { TenantStore } from '../../../../durable-objects/tenant/tenant-store.ts';

const call = { input_tokens: 700, output_tokens: 30 };

/** Every fifth is not learned from. */
function recordedRun(i: number, visits = 4): FinishedRun {
  const units = Array.from({ length: visits }, (_, n) => {
    return { unit: `u${n}`, backend: 'm', gap_ms: 5, calls: [call] };
  });
  const record = { run: `r${i}`, app: `app${i % 3}`, arrival_ms: i, units };
  return { record, finishedAt: i, learned: i % 5 > 0 };
}

function inTable(act: (recorded: RecordedRuns, storage: DurableObjectStorage) => void) {
  const stub = env.TENANT.getByName(`t-${crypto.randomUUID()}`);
  return runInDurableObject(stub, (_object, { storage }) => {
    new TenantStore(storage);
    act(new RecordedRuns(storage), storage);
  });
}

function fill(recorded: RecordedRuns, storage: DurableObjectStorage, from: number, to: number) {
  const runs = Array.from({ length: to - from }, (_, i) => recordedRun(from + i));
  storage.transactionSync(() => recorded.add(runs));
}

/** All slices; `between` is called after each. */
function slicesOf(slices: RunSlices, between: (n: number) => void = () => undefined) {
  const all = [];
  do {
    all.push(slices.next());
    between(all.length);
  } while (all.at(-1)?.part !== 'last');
  return all;
}

const namesOf = (slices: ReturnType<typeof slicesOf>, parts: readonly string[]) =>
  slices
    .filter(({ part }) => parts.includes(part))
    .flatMap(({ runs }) => runs.map(({ record }) => record.run));

const names = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => from + i)
    .filter((i) => i % 5 > 0)
    .map((i) => `r${i}`);

describe('the slices of recorded runs', () => {
  it('are the newest 256 rows, then all in order; short ones, of which the first are shortest', () =>
    inTable((recorded, storage) => {
      fill(recorded, storage, 0, 2_000);
      const slices = slicesOf(new RunSlices(recorded));
      expect(namesOf(slices, ['newest'])).toEqual(names(2_000 - 256, 2_000));
      expect(namesOf(slices, ['next', 'last'])).toEqual(names(0, 2_000));
      const lengths = slices.map(({ runs }) =>
        runs.reduce((sum, { record }) => sum + JSON.stringify(record).length, 0),
      );
      expect(lengths[0]).toBeLessThan(13_000);
      expect(Math.max(...lengths)).toBeLessThan(65_000);
      expect(slices.length).toBeLessThan(40);
      const order = slices.map(({ part }) => part);
      expect(order.lastIndexOf('newest')).toBeLessThan(order.indexOf('next'));
    }));

  it('are one where there are few runs, and an empty one where there are none to learn from', () =>
    inTable((recorded, storage) => {
      expect(slicesOf(new RunSlices(recorded))).toEqual([
        { type: 'runs-read', part: 'last', runs: [] },
      ]);
      fill(recorded, storage, 0, 10);
      expect(slicesOf(new RunSlices(recorded))).toMatchObject([{ part: 'last' }]);
    }));

  it('have neither the runs that end meanwhile nor those that are deleted before they are read', () =>
    inTable((recorded, storage) => {
      fill(recorded, storage, 0, 5_000);
      const slices = slicesOf(new RunSlices(recorded), (n) => {
        if (n === 10) fill(recorded, storage, 5_000, 7_000);
      });
      const read = namesOf(slices, ['next', 'last']);
      const all = names(0, 5_000);
      // The oldest were read before, and then there is a gap of deleted ones.
      const before = read.findIndex((name, i) => name !== all[i]);
      expect(before).toBeGreaterThan(0);
      expect(read.slice(before)).toEqual(names(2_000, 5_000));
    }));

  it('leave out a row that is no run', () =>
    inTable((recorded, storage) => {
      fill(recorded, storage, 0, 600);
      for (const [seq, text] of [
        [7, '{"run":'],
        [8, 'null'],
        [9, '{"run":"x"}'],
        [590, ''],
      ]) {
        storage.sql.exec('UPDATE recorded SET record = ? WHERE seq = ?', text ?? '', seq ?? 0);
      }
      const told = vi.spyOn(console, 'error').mockImplementation(() => undefined);
      const read = namesOf(slicesOf(new RunSlices(recorded)), ['next', 'last']);
      const lost = ['r6', 'r7', 'r8', 'r589'];
      expect(read).toEqual(names(0, 600).filter((name) => !lost.includes(name)));
      expect(told.mock.calls.length).toBeGreaterThanOrEqual(4);
      told.mockRestore();
    }));
});

describe('an object that restarts with recorded runs', () => {
  const CONFIG = JSON.stringify({
    backends: { m: { models: ['m'], endpoints: [{ url: 'https://m.example.com', slots: 4 }] } },
  });

  async function tenantWith(runs: number) {
    const name = `t-${crypto.randomUUID()}`;
    const stub = () => env.TENANT.getByName(name);
    await stub().putConfig(CONFIG);
    await runInDurableObject(stub(), (_object, { storage }) =>
      fill(new RecordedRuns(storage), storage, 0, runs),
    );
    await abortAllDurableObjects();
    return stub;
  }

  const known = async (stub: ReturnType<typeof env.TENANT.getByName>) => {
    const view = JSON.parse((await stub.view('pdgraph')) ?? '{}');
    return view.applications.reduce((sum: number, app: { runs: number }) => sum + app.runs, 0);
  };

  it('shows all of them, and learns those that are imported while it reads after them', async () => {
    const stub = await tenantWith(1_500);
    const imported = { run: 'i', app: 'app1', arrival_ms: 5, units: recordedRun(1).record.units };
    const [count, shown] = await Promise.all([
      stub().importRuns(JSON.stringify([imported, { ...imported, run: 'j' }]), 0),
      known(stub()),
    ]);
    expect(count).toMatchObject({ imported: 2 });
    expect(shown).toBeGreaterThanOrEqual(1_200);
    expect(await known(stub())).toBe(1_202);
    await abortAllDurableObjects();
    expect(await known(stub())).toBe(1_202);
  });

  it('answers what does not need them before it has read them', async () => {
    const stub = await tenantWith(3_000);
    const answered: string[] = [];
    const object = stub();
    const shown = known(object).then(() => answered.push('view'));
    for (let i = 0; i < 5; i += 1) {
      const event = { type: 'unit-began', runId: `own-${i}`, app: 'app0', unit: 'u0' } as const;
      await object.runEvent(event, 0);
      answered.push('event');
    }
    await shown;
    expect(answered).toEqual([...Array(5).fill('event'), 'view']);
  });

  it('reads anew after it died in the middle', async () => {
    const stub = await tenantWith(1_500);
    await stub().document();
    await abortAllDurableObjects();
    expect(await known(stub())).toBe(1_200);
  });

  it('deletes its tenant in the middle of it', async () => {
    const stub = await tenantWith(1_500);
    await stub().document();
    await stub().destroy();
    expect(await stub().view('pdgraph')).toBeUndefined();
    await stub().putConfig(CONFIG);
    expect(await known(stub())).toBe(0);
  });
});
