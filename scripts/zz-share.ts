import { mkdtemp, rm, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildBundle, startRawWorkerd } from './raw-workerd.ts';
import { Forked } from './gateway/forked.ts';
import { admin } from './stack.ts';
import { readFileSync } from 'node:fs';
const dir = await mkdtemp('/dev/shm/share-');
const endpoint = new Forked<string, any>('./endpoint.ts');
const client = new Forked<any, any>('./load-client.ts');
const { port } = await endpoint.next<{ port: number }>();
const bundle = process.env.BUNDLE || await buildBundle(join(dir, 'dist'));
const subjects: any[] = [];
for (const name of (process.env.SUBJECTS ?? 'lend,keep').split(',')) {
  const lendSlots = !name.startsWith('keep');
  await mkdir(join(dir, name));
  const w = await startRawWorkerd(bundle, join(dir, name));
  await admin(w.url, 'PUT', '/tenants/measured', { backends: { m: { models: ['m'], endpoints: [{ url: `http://127.0.0.1:${port}/v1`, slots: 64 }], lendSlots } } });
  const { key } = JSON.parse(await admin(w.url, 'POST', '/tenants/measured/keys'));
  subjects.push({ name, w, port: Number(new URL(w.url).port), headers: { authorization: `Bearer ${key}`, 'x-talaria-app': 'bench' } });
}
const cpu = (pid: number) => { const f = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' '); return (Number(f[11]) + Number(f[12])) * 10; };
const metrics = async (s: any) => {
  const text = await (await fetch(`http://127.0.0.1:${s.port}/metrics`, { headers: s.headers })).text();
  const get = (n: string) => text.split('\n').filter((l) => l.startsWith(n)).map((l) => Number(l.split(' ').at(-1))).reduce((a, b) => a + b, 0);
  return { steps: get('talaria_object_steps_total'), calls: get('talaria_calls_total'), writes: get('talaria_object_writes_total') };
};
let n = 0;
const seconds = Number(process.env.SECONDS_ ?? 2);
const go = async (s: any, isStreamed: boolean, concurrency: number, show = true) => {
  n += 1;
  const m0 = await metrics(s); const c0 = cpu(s.w.pid);
  const r = await client.ask({ port: s.port, path: '/v1/chat/completions', headers: s.headers, isStreamed, concurrency, seconds, runs: `r${n}` });
  const c1 = cpu(s.w.pid); const m1 = await metrics(s);
  if (m1.calls - m0.calls !== r.answers) console.log('COUNT', m1.calls - m0.calls, r.answers);
  if (show) console.log(s.name.padEnd(6), isStreamed ? 'streamed' : 'plain   ', String(concurrency).padStart(2), `${Math.round(r.perSec)}/s cpu ${Math.round((c1 - c0) * 1000 / r.answers)} us p50 ${r.p50Ms.toFixed(2)} p99 ${r.p99Ms.toFixed(1)} first ${r.firstP50Ms.toFixed(2)} steps/call ${((m1.steps - m0.steps) / r.answers).toFixed(2)} writes/call ${((m1.writes - m0.writes) / r.answers).toFixed(2)}`, r.faults);
};
for (let i = 0; i < 2; i++) for (const s of subjects) for (const k of [false, true]) await go(s, k, 16, false);
for (let i = 0; i < Number(process.env.ROUNDS ?? 2); i++) for (const k of [false, true]) for (const c of (process.env.AT ?? '1,16,64').split(',').map(Number)) for (const s of subjects) await go(s, k, c);
for (const s of subjects) await s.w.stop();
client.stop(); endpoint.stop(); await rm(dir, { recursive: true });
