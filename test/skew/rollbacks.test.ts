/**
 * A deployment and its rollback on the same storage, each as a crash with calls that wait and run:
 * forward and back within a schema version nothing is lost; behind a later schema an earlier version
 * refuses, changes nothing, and all is there when the later one is back.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, admin } from '../../scripts/stack.ts';
import { statusOf, until } from '../e2e/harness.ts';
import { SkewEndpoint } from './skew-endpoint.ts';
import { allFree, ask, jobs, patientRuns, type World } from './traffic.ts';
import { configWith, Deployment, EARLIER, PRESENT, type Version } from './versions.ts';

const FAULTS = /no such column|no such table|does not implement|TypeError|constraint failed/;
const LEASES_END_MS = 30_000;
const [FEW, MANY] = [3, 64];

let talaria: Deployment;
let gpu: SkewEndpoint;

beforeEach(async () => {
  gpu = await new SkewEndpoint().start();
  talaria = await Deployment.empty();
});

afterEach(async () => {
  await talaria.close();
  await gpu.close();
});

async function until200(world: World): Promise<void> {
  const status = () => statusOf(world.url(), world.tenant).then(Boolean, () => false);
  await until(status, Boolean);
}

const learned = async ({ url, tenant }: World) =>
  (await admin(url(), 'GET', `/tenants/${tenant}/runs`)).trim().split('\n').filter(Boolean).length;

/** A crash into other versions while clients go on, some of which wait and some of which run. */
async function through(world: World, name: string, worker: Version, objects: Version) {
  const calls = patientRuns(world, name, 16, 12);
  await until(
    () => gpu.running,
    (n) => n >= 3,
  );
  await talaria.run(worker, objects);
  const problems = await calls;
  expect(problems, name).toEqual([]);
  await allFree(world);
}

describe.each(EARLIER.map((version) => [version.name, version] as const))(
  'from %s to the present version',
  (_, earlier) => {
    it(
      'and back, at each step of a deployment, with calls that wait and run',
      async () => {
        await talaria.run(earlier, earlier);
        const few = await talaria.tenant('few', configWith(gpu.url, FEW));
        const many = await talaria.tenant('many', configWith(gpu.url, MANY));
        const before = await talaria.schema();
        const steps: Array<[Version, Version]> = [
          [earlier, PRESENT],
          [PRESENT, PRESENT],
          [PRESENT, earlier],
          [earlier, earlier],
          [PRESENT, PRESENT],
        ];
        let isOver = false;
        for (const [i, [worker, objects]] of steps.entries()) {
          if (isOver && objects !== PRESENT) continue;
          for (const [world, slots] of [
            [few, FEW],
            [many, MANY],
          ] as const) {
            await through(world, `${world.tenant}-${i}`, worker, objects);
            expect(gpu.maxRunning).toBeLessThanOrEqual(slots);
            expect(gpu.doubled).toEqual([]);
            gpu.reset();
          }
          expect(await jobs(few, worker === PRESENT)).toEqual([]);
          // Behind another schema the earlier objects refuse: the next test.
          isOver = (await talaria.schema()) !== before;
        }
        expect(talaria.log.split('\n').filter((line) => FAULTS.test(line))).toEqual([]);
      },
      LEASES_END_MS * 20,
    );

    it('and back over a schema: it is refused, and all is there when the present one is back', async () => {
      await talaria.run(earlier, earlier);
      const world = await talaria.tenant('few', configWith(gpu.url, FEW));
      expect(await patientRuns(world, 'old', 4, 3)).toEqual([]);
      const before = await talaria.schema();
      await talaria.run(PRESENT, PRESENT);
      expect(await patientRuns(world, 'new', 4, 3)).toEqual([]);
      await until200(world);
      if ((await talaria.schema()) === before) return;
      const known = await learned(world);
      for (const [worker, objects] of [
        [earlier, earlier],
        [PRESENT, earlier],
      ] as const) {
        await talaria.run(worker, objects);
        const problems: string[] = [];
        const body = { model: 'm', messages: [{ role: 'user', content: 'x' }] };
        const refused = { body, status: 503 };
        const text = await ask(world, 'POST', '/v1/chat/completions', refused, problems);
        expect([problems, text]).toEqual([[], expect.stringContaining('dispatcher_unavailable')]);
        const as = { ...world, key: ADMIN_TOKEN };
        const view = await ask(as, 'GET', '/admin/tenants/few/status', { status: 503 }, problems);
        // Earlier Workers tell it in their log only.
        const told = worker === PRESENT ? 'newer version' : 'dispatcher_unavailable';
        expect([problems, view]).toEqual([[], expect.stringContaining(told)]);
        expect(talaria.workerd.log()).toContain('DatabaseTooNew');
      }
      await talaria.run(PRESENT, PRESENT);
      expect(await patientRuns(world, 'again', 4, 3)).toEqual([]);
      expect(await learned(world)).toBeGreaterThanOrEqual(known);
      await allFree(world);
    });
  },
);
