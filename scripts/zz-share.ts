import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildBundle } from './raw-workerd.ts';
import { Forked } from './gateway/forked.ts';
import { talaria } from './gateway/subjects.ts';
import { admin } from './stack.ts';
import { readFileSync } from 'node:fs';
const dir = await mkdtemp('/dev/shm/share-');
const endpoint = new Forked<string, any>('./endpoint.ts');
const client = new Forked<any, any>('./load-client.ts');
const { port } = await endpoint.next<{ port: number }>();
const bundle = process.env.BUNDLE ||  await buildBundle(join(dir, 'dist'));
const t = await talaria('T', bundle, `http://127.0.0.1:${port}`, join(dir, 't'));
const s = t.measured;
const cpu = () => { const f = readFileSync(`/proc/${s.pid}/stat`, 'utf8').split(') ')[1]!.split(' '); return (Number(f[11]) + Number(f[12])) * 10; };
const metrics = async () => {
  const text = await (await fetch(`http://127.0.0.1:${s.port}/metrics`, { headers: s.headers })).text();
  const get = (n: string) => text.split('\n').filter((l) => l.startsWith(n)).map((l) => Number(l.split(' ').at(-1))).reduce((a, b) => a + b, 0);
  return { steps: get('talaria_object_steps_total'), calls: get('talaria_calls_total'), writes: get('talaria_object_writes_total'), leases: get('talaria_leases_granted_total') };
};
let n = 0;
for (const isStreamed of [false, true]) for (const concurrency of [1, 16, 64]) {
  n += 1;
  const m0 = await metrics(); const c0 = cpu();
  const r = await client.ask({ port: s.port, path: '/v1/chat/completions', headers: s.headers, isStreamed, concurrency, seconds: 3, runs: `r${n}` });
  const c1 = cpu(); const m1 = await metrics();
  console.log(isStreamed ? 'streamed' : 'plain', concurrency, JSON.stringify({ perSec: Math.round(r.perSec), p50: r.p50Ms, p99: r.p99Ms, first: r.firstP50Ms, faults: r.faults, cpuUs: Math.round((c1 - c0) * 1000 / r.answers), answers: r.answers, steps: m1.steps - m0.steps, writes: m1.writes - m0.writes, calls: m1.calls - m0.calls, leases: m1.leases - m0.leases }));
}
await s.stop(); client.stop(); endpoint.stop(); await rm(dir, { recursive: true });
