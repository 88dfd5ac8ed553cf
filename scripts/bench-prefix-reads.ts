/**
 * `npm run -s bench:prefix-reads`: what it brings that endpoints which have woken read ahead what runs
 * begin with (`prewarm.prefix`). Recorded sessions come so rarely that one endpoint often goes cold:
 * as they are; with one description of tools, as of one version of a client; and these after a step
 * elsewhere, by which the endpoint is woken ahead. Wrong input prints a message and exits with 2.
 */
import { seededRandom } from '../src/core/learning/random.ts';
import type { CallRecord, RecordedRun } from '../src/core/runs/recorded-run.ts';
import { type PromptPart, promptOf } from './gpu/prompt.ts';
import { numberOf, required, runCommand } from './sim/arguments.ts';
import { parseCluster } from './sim/cluster.ts';
import { simulate } from './sim/simulator.ts';
import { readTrace } from './sim/trace.ts';

const USAGE = `usage: npm run -s bench:prefix-reads -- --trace FILE --history FILE [options]

  --trace FILE     recorded sessions with prefixes
  --history FILE   others, to learn from
  --stretch N      times as long between arrivals (default 60)
  --theta N        probability of need from which to prewarm (default 0.25)
  --help`;

const OPTIONS = {
  trace: { type: 'string' },
  history: { type: 'string' },
  stretch: { type: 'string', default: '60' },
  theta: { type: 'string', default: '0.25' },
  help: { type: 'boolean', default: false },
} as const;

/** Tokens of the tools that all sessions have, where there is one description of them. */
const TOOL_TOKENS = 12_439;
/** Shortest and longest step elsewhere, ms. */
const STEP_MS = [60_000, 240_000] as const;

await runCommand(OPTIONS, USAGE, async (values) => {
  const trace = await readTrace(required(values.trace, 'trace', USAGE));
  const history = await readTrace(required(values.history, 'history', USAGE));
  const stretch = numberOf('stretch', values.stretch);
  const theta = numberOf('theta', values.theta);
  console.log(
    '| runs | | reads | first calls after starts | their prefill, mean s | first token, mean s | of all calls, s |',
  );
  console.log('|---|---|---|---|---|---|---|');
  const kinds: Record<string, (runs: readonly RecordedRun[]) => RecordedRun[]> = {
    'as recorded': (runs) => [...runs],
    'one description of tools': withOneTools,
    'the same after a step elsewhere': (runs) => afterStep(withOneTools(runs)),
  };
  for (const [kind, of] of Object.entries(kinds)) {
    const runs = of(trace).map((run) => ({ ...run, arrival_ms: run.arrival_ms * stretch }));
    for (const reads of [false, true]) {
      const common = { policy: 'gittins', alpha: 0.5, seed: 1, prewarm: 'talaria' } as const;
      const options = { ...common, theta, history: of(history) };
      const { afterStarts, prefix, prefixReads } = simulate(runs, clusterOf(reads), options);
      const { firstTokenMeanMs, prefillMeanMs } = afterStarts;
      const figures = [prefillMeanMs, firstTokenMeanMs, prefix.firstTokenMeanMs].map((ms) =>
        (ms / 1_000).toFixed(2),
      );
      const cells = [kind, reads ? 'on' : 'off', prefixReads, afterStarts.calls, ...figures];
      console.log(`| ${cells.join(' | ')} |`);
    }
  }
});

/** One endpoint that takes a minute to start and stays for a minute; steps elsewhere have no limit. */
function clusterOf(prewarm_prefix: boolean) {
  const speed = { prefill_ms_per_token: 0.12, decode_ms_per_token: 30 };
  const cold = { cold_start_ms: 60_000, idle_timeout_ms: 60_000, kv_cache_tokens: 1_250_000 };
  const llm = { slots: 8, ...speed, ...cold, prewarm_prefix };
  return parseCluster({ backends: { llm, step: { slots: null } } }, 'cluster');
}

/** The sessions with the same tools in all prompts, which are as long as they were. */
function withOneTools(runs: readonly RecordedRun[]): RecordedRun[] {
  return runs.map((run) => ({
    ...run,
    units: run.units.map((visit) => ({ ...visit, calls: visit.calls.map(withTools) })),
  }));
}

function withTools(call: CallRecord): CallRecord {
  const [tools, own, ...others] = promptOf(call) ?? [];
  if (!tools?.[0].startsWith('t') || !own) return call;
  const room = tools[1] + own[1];
  const shared = Math.min(TOOL_TOKENS, room - 1);
  const prefix: PromptPart[] = [['tools', shared], [own[0], room - shared], ...others];
  return Object.assign({}, call, { prefix });
}

/** The sessions after a step at another backend. */
function afterStep(runs: readonly RecordedRun[]): RecordedRun[] {
  const random = seededRandom(7);
  const [least, most] = STEP_MS;
  return runs.map((run) => {
    const service_ms = Math.round(least + random() * (most - least));
    const step = { unit: 'step', backend: 'step', calls: [{ service_ms }] };
    return { ...run, units: [step, ...run.units] };
  });
}
