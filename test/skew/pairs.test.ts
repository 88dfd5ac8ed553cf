/**
 * A Worker of one version with objects of another, as they meet during a deployment: every kind of
 * request is answered, the endpoint never has more calls than slots, and none stays taken.
 */
import { writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { recorded } from './recording.ts';
import { SkewEndpoint } from './skew-endpoint.ts';
import { allFree, jobs, keyRequests, leavers, operators, runs, type World } from './traffic.ts';
import { configWith, Deployment, EARLIER, PRESENT, pairName } from './versions.ts';

/** A folder for what the objects of each pair were asked and answered; absent: nothing is recorded. */
const RECORD = process.env.TALARIA_RECORD;
const WIDTH = 16;
const [FEW, MANY] = [3, 64];
/** What no pair may log. */
const FAULTS = /internal_error|no such column|does not implement|TypeError|report_lost|loan_not/;

const PAIRS = [
  [PRESENT, PRESENT] as const,
  ...EARLIER.flatMap((earlier) => [[earlier, PRESENT] as const, [PRESENT, earlier] as const]),
  ...(RECORD ? EARLIER.map((earlier) => [earlier, earlier] as const) : []),
];

describe.each(
  PAIRS.map(([worker, objects]) => [pairName(worker, objects), worker, objects] as const),
)('%s', (name, worker, objects) => {
  let talaria: Deployment;
  let gpu: SkewEndpoint;
  let few: World;
  let many: World;

  beforeAll(async () => {
    gpu = await new SkewEndpoint().start();
    talaria = await Deployment.empty();
    await talaria.run(worker, objects, { records: RECORD !== undefined });
    few = await talaria.tenant('few', configWith(gpu.url, FEW));
    many = await talaria.tenant('many', configWith(gpu.url, MANY));
  });

  afterEach(async () => {
    await allFree(few);
    await allFree(many);
    expect(gpu.running).toBe(0);
    expect(gpu.doubled).toEqual([]);
    gpu.reset();
  });

  afterAll(async () => {
    if (RECORD)
      await writeFile(`${RECORD}/${worker.name}-${objects.name}.json`, recorded(talaria.log));
    const faults = talaria.log
      .split('\n')
      .filter((line) => !line.includes('rpc {') && FAULTS.test(line));
    await talaria.close();
    await gpu.close();
    expect(faults.slice(0, 5), name).toEqual([]);
  });

  it.each([
    ['plain', {}],
    ['streamed', { stream: true }],
  ])('%s calls that wait', async (how, more) => {
    expect(await runs(few, `few-${how}`, WIDTH, 12, more)).toEqual([]);
    expect(gpu.maxRunning).toBe(FEW);
  });

  it.each([
    ['plain', {}],
    ['streamed', { stream: true }],
  ])('%s calls on lent slots', async (how, more) => {
    expect(await runs(many, `many-${how}`, WIDTH, 40, more)).toEqual([]);
    expect(gpu.maxRunning).toBeLessThanOrEqual(WIDTH);
  });

  it.each([
    ['few', () => few],
    ['many', () => many],
  ])('clients that leave, with %s slots', async (_, world) => {
    const calls = runs(world(), 'beside', 4, 20);
    await leavers(world(), 24);
    gpu.takesMs = 300;
    await leavers(world(), 24);
    gpu.takesMs = 15;
    expect(await calls).toEqual([]);
    expect(await runs(world(), 'after', WIDTH, 4)).toEqual([]);
  });

  it('attempts that fail, beside others', async () => {
    for (const world of [few, many]) {
      const failing = runs(world, `fails-${world.tenant}`, 2, 3);
      expect(await runs(world, `goes-well-${world.tenant}`, 12, 6)).toEqual([]);
      expect(await failing).toEqual([]);
    }
  });

  it('idempotency keys, reports, token counts and stories', async () => {
    expect(await keyRequests(few)).toEqual([]);
  });

  it('jobs, files and batches', async () => {
    expect(await jobs(few, worker === PRESENT)).toEqual([]);
  });

  it('the administrator, a console and scrapes, beside calls', async () => {
    const calls = runs(many, 'looked-at', WIDTH, 40);
    expect(await operators(many, configWith(gpu.url, MANY))).toEqual([]);
    expect(await calls).toEqual([]);
    await talaria.workerd.cron();
    await talaria.workerd.cron(120_000);
  });
});
