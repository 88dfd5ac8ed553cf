/**
 * An open page of an earlier version, whose Worker and objects change: what it asks for is there, with all
 * fields that its own version gave it, and its stream tells it what changes.
 */
import { expect, it } from 'vitest';
import { fieldsOf, heard } from './console-page.ts';
import { SkewEndpoint } from './skew-endpoint.ts';
import { allFree, runs } from './traffic.ts';
import { configWith, Deployment, EARLIER, PRESENT, type Version } from './versions.ts';

async function seen(worker: Version, objects: Version) {
  const gpu = await new SkewEndpoint().start();
  const talaria = await Deployment.empty();
  try {
    await talaria.run(worker, objects);
    const world = await talaria.tenant('looked-at', configWith(gpu.url, 3));
    const problems = await runs(world, 'looked-at', 4, 5);
    await allFree(world);
    return { problems, fields: await fieldsOf(world, problems), stream: await heard(world) };
  } finally {
    await talaria.close();
    await gpu.close();
  }
}

it.each(EARLIER.map((version) => [version.name, version] as const))(
  'a page of %s',
  async (_, earlier) => {
    const own = await seen(earlier, earlier);
    expect(own.problems).toEqual([]);
    const pairs: Array<[Version, Version]> = [
      [PRESENT, PRESENT],
      [PRESENT, earlier],
      [earlier, PRESENT],
    ];
    for (const [worker, objects] of pairs) {
      const now = await seen(worker, objects);
      expect(now.problems).toEqual([]);
      // Something may have changed just before.
      expect([now.stream[0], now.stream.at(-1)]).toEqual(['hello', 'now']);
      for (const [view, fields] of own.fields) {
        const lacking = [...fields].filter((field) => !now.fields.get(view)?.has(field));
        expect([worker.name, objects.name, view, lacking]).toEqual([
          ...[worker.name, objects.name, view],
          [],
        ]);
      }
    }
  },
);
