/**
 * The tenant's object changes its version while its Worker lives on, with tickets, loans and streams in
 * hand, as in each deployment: every client gets its answer, without asking again where no object refuses.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SkewEndpoint } from './skew-endpoint.ts';
import { allFree, patientRuns, runs } from './traffic.ts';
import { configWith, Deployment, EARLIER, PRESENT, pairName, type Version } from './versions.ts';

const FAULTS = /internal_error|no such column|does not implement|TypeError|constraint failed/;
const SWITCHES = 8;
const PAUSE_MS = 200;

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

/** The schema of the tenants' databases of a version. */
async function schemaOf(version: Version): Promise<number> {
  const deployment = await Deployment.empty();
  await deployment.run(version, version);
  await deployment.tenant('empty', configWith(gpu.url, 1));
  const schema = await deployment.schema();
  await deployment.close();
  return schema;
}

describe.each(
  EARLIER.flatMap((earlier) => [
    // The Worker's version is the object's second one.
    [pairName(earlier, PRESENT), earlier, PRESENT] as const,
    [pairName(PRESENT, earlier), PRESENT, earlier] as const,
  ]),
)('%s', (_, worker, objects) => {
  it.each([
    ['few', 3],
    ['many', 64],
  ] as const)('whose object moves between the two versions, with %s slots', async (name, slots) => {
    await talaria.run(worker, objects, { switches: true });
    const world = await talaria.tenant(name, configWith(gpu.url, slots));
    expect(await runs(world, 'before', 8, 10)).toEqual([]);
    const switches = (await schemaOf(worker)) === (await schemaOf(objects)) ? SWITCHES : 1;
    // An earlier version does not open what a later schema has.
    if (switches === 1 && objects === PRESENT) return;
    const plain = patientRuns(world, 'plain', 8, 60);
    const streamed = runs(world, 'streamed', 8, 60, { stream: true });
    for (let i = 0; i < switches; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      await talaria.workerd.abort(name);
    }
    expect([...(await plain), ...(await streamed)]).toEqual([]);
    await allFree(world);
    expect(gpu.maxRunning).toBeLessThanOrEqual(slots);
    expect(gpu.doubled).toEqual([]);
    expect(talaria.log.split('\n').filter((line) => FAULTS.test(line))).toEqual([]);
  });
});
