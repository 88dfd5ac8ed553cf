/** The report shows the simulations' results; also tests the command as users run it. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cdf, spanOf } from '../../../../scripts/report/distribution.ts';
import { isolatedMs } from '../../../../scripts/report/isolated-time.ts';
import { logTicks } from '../../../../scripts/report/log-ticks.ts';
import { completionsOf, measure, slowdownsOf } from '../../../../scripts/report/measure.ts';
import { pageOf } from '../../../../scripts/report/page.ts';
import { LOOKS } from '../../../../scripts/report/palette.ts';
import { longest, meanByBin } from '../../../../scripts/report/queue-length.ts';
import { POLICIES, type Scenario } from '../../../../scripts/sim/arguments.ts';
import { parseCluster } from '../../../../scripts/sim/cluster.ts';
import { resultOf } from '../../../../scripts/sim/result.ts';
import { simulate } from '../../../../scripts/sim/simulator.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { RecordedRun, VisitRecord } from '../../../../src/core/runs/recorded-run.ts';

/** Drawing and new processes are slow on busy machines. */
vi.setConfig({ testTimeout: 120_000 });

const CLUSTER_JSON = {
  backends: {
    llm: { slots: 1, prefill_ms_per_token: 0.5, decode_ms_per_token: 20 },
    tool: { slots: null },
    narrow: { slots: 2 },
  },
};
const CLUSTER = parseCluster(CLUSTER_JSON, 'test');
const OPTIONS = { alpha: 0, theta: 0.25, seed: 1, prewarm: 'off' as const, history: [] };

function visit(backend: string, services: number[], gapMs?: number): VisitRecord {
  return {
    unit: backend,
    backend,
    calls: services.map((service_ms) => ({ service_ms })),
    ...(gapMs === undefined ? {} : { gap_ms: gapMs }),
  };
}

function run(name: string, arrivalMs: number, units: VisitRecord[], app = 'app'): RecordedRun {
  return { run: name, app, arrival_ms: arrivalMs, units };
}

/**
 * Three runs that compete for the one slot of `llm`: a is served until 10, then c and b, or b and
 * c.
 */
const THREE = [
  run('a', 100, [visit('llm', [10])]),
  run('b', 101, [visit('llm', [30])], 'slow & <b>bold</b>'),
  run('c', 102, [visit('llm', [5])]),
];

function scenario(trace: readonly RecordedRun[] = THREE, cluster = CLUSTER): Scenario {
  return { trace, cluster, options: OPTIONS };
}

describe('isolated time', () => {
  it('is the longest call of each visit and the gaps between: a loop, a fan-out, tools', () => {
    const llm = { input_tokens: 100, output_tokens: 3 };
    const thought = { unit: 'thought', backend: 'llm', gap_ms: 7, calls: [llm] };
    const units = [
      thought,
      thought,
      visit('tool', [40, 90, 60]),
      // Wider than its two slots, but only its longest call counts.
      visit('narrow', [5, 5, 8], 3),
      { ...thought, gap_ms: 1_000, calls: [llm, { input_tokens: 0, output_tokens: 10 }] },
    ];
    expect(isolatedMs(run('r', 50, units), CLUSTER)).toBe(110 + 7 + 110 + 7 + 90 + 8 + 3 + 200);
  });

  it('is what a run takes that has the cluster to itself', () => {
    const alone = run('r', 50, [visit('llm', [30], 4), visit('tool', [9, 12]), visit('llm', [5])]);
    const [result] = simulate([alone], CLUSTER, { ...OPTIONS, policy: 'fcfs' }).runs;
    expect(isolatedMs(alone, CLUSTER)).toBe((result?.completedMs ?? 0) - 50);
  });
});

describe('a cumulative distribution', () => {
  it('has of each value the share at or below it; equal values are one point', () => {
    expect(cdf([1, 2, 2, 5], 0)).toEqual([
      { value: 1, share: 0.25 },
      { value: 2, share: 0.75 },
      { value: 5, share: 1 },
    ]);
    expect(cdf([], 0.01)).toEqual([]);
  });

  it('thinned, is made of exact points, and as steps is nowhere off by more than its resolution', () => {
    const random = seededRandom(5);
    const sorted = Array.from({ length: 3_000 }, () => Math.ceil(-400 * Math.log(1 - random())));
    sorted.sort((a, b) => a - b);
    const points = cdf(sorted, 0.004);
    expect(points.length).toBeLessThan(300);
    const shareAt = (value: number) => sorted.filter((v) => v <= value).length / sorted.length;
    for (const { value, share } of points) expect(share).toBe(shareAt(value));
    for (const value of new Set(sorted)) {
      const drawn = points.findLast((p) => p.value <= value)?.share ?? 0;
      expect(shareAt(value) - drawn).toBeGreaterThanOrEqual(0);
      expect(shareAt(value) - drawn).toBeLessThan(0.004);
    }
    // All of the largest values are there.
    const worst = [...new Set(sorted.slice(-25))];
    expect(points.slice(-worst.length).map((p) => p.value)).toEqual(worst);
  });

  it('spans take percentiles as the results do', () => {
    const values = Array.from({ length: 20 }, (_, i) => 20 - i);
    expect(spanOf(values)).toEqual({ count: 20, median: 10, p95: 19 });
  });
});

describe('the queue', () => {
  it('counts the calls that wait for a slot, instant by instant', () => {
    const [fcfs] = measure(scenario(), ['fcfs'], 1).policies;
    // a at 100 never waits; b and c wait from 101 and 102; b is served from 110, c from 140.
    expect(fcfs?.queue.get('llm')).toEqual([
      { atMs: 101, waiting: 1 },
      { atMs: 102, waiting: 2 },
      { atMs: 110, waiting: 1 },
      { atMs: 140, waiting: 0 },
    ]);
    expect(longest(fcfs?.queue.get('llm') ?? [])).toBe(2);
    expect(fcfs?.queue.has('tool')).toBe(false);
  });

  it('follows the order of the policy', () => {
    const [srpt] = measure(scenario(), ['srpt'], 1).policies;
    expect(srpt?.queue.get('llm')?.map((s) => s.atMs)).toEqual([101, 102, 110, 115]);
  });

  it('is drawn as the mean over time of equal parts', () => {
    const steps = [
      { atMs: 12, waiting: 4 },
      { atMs: 16, waiting: 2 },
      { atMs: 35, waiting: 0 },
    ];
    // [10, 20): 4 for 4 ms and 2 for 4 ms; [30, 40): 2 for 5 ms.
    expect(meanByBin(steps, 10, 50, 4)).toEqual([
      { atMs: 10, waiting: 2.4 },
      { atMs: 20, waiting: 2 },
      { atMs: 30, waiting: 1 },
      { atMs: 40, waiting: 0 },
    ]);
    expect(meanByBin([], 0, 10, 2).map((b) => b.waiting)).toEqual([0, 0]);
  });
});

describe('what is measured', () => {
  it('completion times and slowdowns are those of the simulation', () => {
    const [fcfs, srpt] = measure(scenario(), ['fcfs', 'srpt'], 1).policies;
    if (!fcfs || !srpt) throw new Error('measured too little');
    expect(completionsOf(fcfs)).toEqual([10, 39, 43]);
    expect(completionsOf(srpt)).toEqual([10, 13, 44]);
    expect(Object.fromEntries(slowdownsOf(fcfs, CLUSTER))).toEqual({
      app: [1, 43 / 5],
      'slow & <b>bold</b>': [39 / 30],
    });
  });

  it('several seeds are pooled; a run without work has no slowdown', () => {
    const trace = [...THREE, run('none', 103, [visit('tool', [0])], 'idle')];
    const [gittins] = measure(scenario(trace), ['gittins'], 3).policies;
    if (!gittins) throw new Error('measured too little');
    expect(completionsOf(gittins)).toHaveLength(12);
    expect(slowdownsOf(gittins, CLUSTER).get('app')).toHaveLength(6);
    expect(slowdownsOf(gittins, CLUSTER).has('idle')).toBe(false);
  });
});

/** The text of a section of the page, without markup. */
function textOf(page: string, id: string): string {
  const [, section = ''] = page.split(`<section id="${id}"`);
  return (section.split('</section>')[0] ?? '')
    .replaceAll(/<style>[^<]*<\/style>|<title>[^<]*<\/title>/g, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ');
}

describe('the page', () => {
  const sources = { trace: 'some/trace.jsonl', cluster: 'cluster.json' };

  it('names are text, never markup', async () => {
    const page = await pageOf(measure(scenario(), ['fcfs'], 1), {
      ...sources,
      trace: '<script>.jsonl',
    });
    expect(textOf(page, 'slowdown')).toContain('slow &amp; &lt;b&gt;bold&lt;/b&gt; · 1 run');
    expect(page.includes('<b>')).toBe(false);
    expect(page.includes('<script')).toBe(false);
  });

  it('has the figures of each policy and their change against fcfs', async () => {
    const page = await pageOf(measure(scenario(), ['srpt', 'fcfs'], 1), sources);
    // Means of 10, 13, 44 and of 10, 39, 43 ms.
    expect(textOf(page, 'summary')).toContain(
      ' srpt 0.022 −27 % 0.013 −67 % 0.044 +2 % 0.044 +2 % 0.044 +2 % ' +
        'fcfs 0.031 0.039 0.043 0.043 0.043 ',
    );
  });

  it('says which policies one cannot tell apart, since their curves lie on one another', async () => {
    const page = await pageOf(measure(scenario(), ['fcfs', 'srpt'], 1), sources);
    expect(textOf(page, 'summary')).not.toContain('The same in every run');
    const twins = await pageOf(measure(scenario(), ['fcfs', 'app-fcfs', 'srpt'], 1), sources);
    expect(textOf(twins, 'summary')).toContain(
      'The same in every run, so that their curves are one: fcfs, app-fcfs.',
    );
  });

  it('labels its axes with their units, and no two marks alike', async () => {
    const page = await pageOf(measure(scenario(), ['fcfs', 'srpt'], 1), sources);
    expect(textOf(page, 'completion')).toContain('Completion time, s (logarithmic)');
    expect(textOf(page, 'slowdown')).toContain('times the isolated time (logarithmic)');
    expect(textOf(page, 'queue')).toContain('Time since the first arrival, ms');
    const labels = [...page.matchAll(/<g[^>]*aria-label="[xy]-axis tick label">(.*?)<\/g>/g)];
    expect(labels.length).toBeGreaterThan(8);
    for (const [, axis = ''] of labels) {
      const marks = axis.split('</text>').map((text) => text.replaceAll(/<[^>]*>/g, ''));
      expect(new Set(marks).size).toBe(marks.length);
    }
  });

  it('is also drawn for one run that never waits, and for one without work', async () => {
    const one = scenario([run('a', 5, [visit('tool', [10])])]);
    const page = await pageOf(measure(one, ['fcfs'], 1), sources);
    expect(textOf(page, 'queue')).toContain('No call waited');
    expect(page.includes('NaN')).toBe(false);
    const none = scenario([run('a', 5, [visit('tool', [0])])]);
    const empty = await pageOf(measure(none, ['fcfs'], 1), sources);
    expect(textOf(empty, 'slowdown')).toContain('No run has any work');
    expect(empty.includes('NaN')).toBe(false);
  });

  it('stays small with many runs and policies', async () => {
    const random = seededRandom(2);
    const trace = Array.from({ length: 1_500 }, (_, i) =>
      run(`r${i}`, i * 60, [visit('llm', [100 * random()])], `app${i % 9}`),
    );
    const policies = ['fcfs', 'app-fcfs', 'las', 'sjf', 'gittins', 'srpt'] as const;
    const page = await pageOf(measure(scenario(trace), policies, 1), sources);
    expect(page.length).toBeLessThan(700_000);
  });
});

describe('the palette', () => {
  it('no two policies look alike, and each stands out from the page, light and dark', async () => {
    const looks = POLICIES.map((policy) => LOOKS[policy]);
    expect(new Set(looks.map((l) => JSON.stringify(l))).size).toBe(POLICIES.length);
    const css = await readFile('scripts/report/page.css', 'utf8');
    const surfaces = [...css.matchAll(/--surface: (#[0-9a-f]{6})/g)].map((m) => m[1] ?? '');
    expect(surfaces).toHaveLength(2);
    const [light = '', dark = ''] = surfaces;
    for (const look of looks) {
      expect(contrast(look.light, light)).toBeGreaterThanOrEqual(3);
      expect(contrast(look.dark, dark)).toBeGreaterThanOrEqual(3);
    }
  });

  it('a logarithmic axis is labelled with round numbers, as many as there is room for', () => {
    expect(logTicks(3, 3_000, 9)).toEqual([5, 10, 20, 50, 100, 200, 500, 1_000, 2_000]);
    expect(logTicks(3, 3_000, 6)).toEqual([10, 100, 1_000]);
    expect(logTicks(1, 2.1, 6)).toEqual([1, 1.2, 1.5, 2]);
    expect(logTicks(0.3, 0.3, 6)).toEqual([0.3]);
    expect(logTicks(1e-3, 1e9, 5)).toHaveLength(5);
  });
});

/** The contrast ratio of two colours, as WCAG defines it. */
function contrast(a: string, b: string): number {
  const [dark = 0, bright = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (bright + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
    const c = Number.parseInt(colour.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

describe('npm run report', () => {
  let folder = '';
  const file = (name: string) => join(folder, name);
  const given = () => ['--trace', file('trace.jsonl'), '--cluster', file('cluster.json')];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'talaria-report-'));
    const trace = THREE.map((r) => JSON.stringify({ ...r, deadline_ms: 39 }));
    await writeFile(file('trace.jsonl'), `${trace.join('\n')}\n`);
    await writeFile(file('wrong.jsonl'), `${trace[0]}\n{"run":"x","app":"y","units":[]}\n`);
    await writeFile(file('cluster.json'), JSON.stringify(CLUSTER_JSON));
  });

  afterAll(() => rm(folder, { recursive: true }));

  it('writes a page that is complete in one file, and the results', async () => {
    const out = file('made/by/the/report');
    const { code, stdout, stderr } = await report([...given(), '--out', out, '--alpha', '0']);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `${join(out, 'index.html')}\n`,
      stderr: '',
    });
    const page = await readFile(join(out, 'index.html'), 'utf8');
    for (const id of ['completion', 'slowdown']) {
      expect(textOf(page, id)).toContain(' fcfs app-fcfs las gittins talaria-ddl srpt ');
    }
    expect(textOf(page, 'queue')).toContain('llm · 1 slot ');
    expect(textOf(page, 'queue')).toContain('Longest queue: fcfs 2 · ');
    const summary = textOf(page, 'summary');
    expect(summary).toContain('Policy Mean, s P50, s P95, s P99, s Worst, s Deadlines met ');
    // 10, 39 and 43 ms: two of three within 39.
    expect(summary).toContain(' fcfs 0.031 0.039 0.043 0.043 0.043 66.7 % ');
    const links = /https?:|<script|<link|<img|\ssrc=|\shref=|@import|url\(/;
    expect(page.replaceAll(/xmlns(:\w+)?="[^"]*"/g, '').match(links)).toBeNull();

    const results = JSON.parse(await readFile(join(out, 'results.json'), 'utf8'));
    expect(results).toHaveLength(6);
    const trace = THREE.map((r) => ({ ...r, deadline_ms: 39 }));
    const expected = simulate(trace, CLUSTER, { ...OPTIONS, policy: 'fcfs' });
    expect(results[0]).toEqual(resultOf('fcfs', expected, true));
  });

  it('compares the policies and seeds that it is told', async () => {
    const out = file('two');
    const args = ['--out', out, '--policies', 'las,sjf', '--seeds', '2', '--seed', '7'];
    expect((await report([...given(), ...args])).code).toBe(0);
    const results = JSON.parse(await readFile(join(out, 'results.json'), 'utf8'));
    expect(results.map((r: { policy: string; seed: number }) => [r.policy, r.seed])).toEqual([
      ['las', 7],
      ['las', 8],
      ['sjf', 7],
      ['sjf', 8],
    ]);
    const page = await readFile(join(out, 'index.html'), 'utf8');
    expect(textOf(page, 'summary')).toContain('its change against las');
    expect(textOf(page, 'summary')).toMatch(/ sjf 0\.0\d\d ±0\.000 /);
  });

  it.each([
    ['a line that is wrong', ['--trace', 'wrong.jsonl'], /wrong\.jsonl:2: arrival_ms: /],
    ['a policy that is not', ['--policies', 'fcfs,best'], /--policies: .*talaria-ddl.*got "best"/],
    ['a number that is not', ['--alpha', 'half'], /--alpha: .*got "half"/],
    ['an option that is not', ['--colour', 'red'], /--colour/],
    ['a folder that is a file', ['--out', 'trace.jsonl'], /--out: .*trace\.jsonl/],
  ])(
    '%s: a message, exit 2, no page',
    async (_, args, message) => {
      const paths = args.map((a) => (a.endsWith('.jsonl') ? file(a) : a));
      const { code, stdout, stderr } = await report([...given(), '--out', file('none'), ...paths]);
      expect(stderr).toMatch(message);
      expect(stderr).not.toContain('    at ');
      expect([code, stdout]).toEqual([2, '']);
      await expect(readFile(join(file('none'), 'index.html'))).rejects.toThrow('ENOENT');
    },
    120_000,
  );

  it('without --out: says so, exit 2', async () => {
    const { code, stderr } = await report(given());
    expect([code, stderr.split('\n')[0]]).toEqual([2, '--out is missing']);
  });
});

function report(args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((done) => {
    execFile(process.execPath, ['scripts/report.ts', ...args], (error, stdout, stderr) => {
      done({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}
