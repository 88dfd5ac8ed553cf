/**
 * `npm run bench:arrivals`: measures how well forecasts of arrivals are calibrated. They are made
 * over the later half of a trace, each from the arrivals before it. Wrong input prints a message
 * with file, line and field and exits with 2.
 */
import { seededRandom } from '../src/core/learning/random.ts';
import { numberOf, required, runCommand } from './sim/arguments.ts';
import { chanceError, forecastArrivals, miscalibrationOf } from './sim/arrival-forecasts.ts';
import { InputError, readTrace } from './sim/trace.ts';

const USAGE = `usage: npm run -s bench:arrivals -- --trace FILE[,FILE...] [options]

  --within A,B,...  seconds ahead (default 3,10,60)
  --every N         seconds between two forecasts (default 1)
  --spread N        seconds over which each arrival is spread at random, for traces whose times are
                    rounded (default 0)
  --chance N        also the error of a perfect forecaster, over N traces drawn from the gaps: its
                    median and its 95th percentile (default 0: none)
  --seed N          default 1`;

const OPTIONS = {
  trace: { type: 'string' },
  within: { type: 'string', default: '3,10,60' },
  every: { type: 'string', default: '1' },
  spread: { type: 'string', default: '0' },
  chance: { type: 'string', default: '0' },
  seed: { type: 'string', default: '1' },
  help: { type: 'boolean', default: false },
} as const;

await runCommand(OPTIONS, USAGE, async (values) => {
  const everyMs = numberOf('every', values.every) * 1_000;
  if (everyMs === 0) throw new InputError('--every: expected more than 0');
  const spreadMs = numberOf('spread', values.spread) * 1_000;
  const seed = numberOf('seed', values.seed);
  const traces = Math.floor(numberOf('chance', values.chance));
  const columns = [
    'arrivals',
    'ahead',
    'forecasts',
    'forecast → came true (forecasts)',
    'most off',
  ];
  if (traces > 0) columns.push('perfect');
  print(columns);
  print(columns.map(() => '---'));
  for (const file of required(values.trace, 'trace', USAGE).split(',')) {
    const random = seededRandom(seed);
    const arrivalsMs = (await readTrace(file))
      .map((run) => run.arrival_ms + random() * spreadMs)
      .sort((a, b) => a - b);
    for (const within of values.within.split(',')) {
      const withinMs = numberOf('within', within) * 1_000;
      const samples = forecastArrivals(arrivalsMs, withinMs, everyMs);
      const bins = miscalibrationOf(samples, random);
      const most = bins.toSorted((a, b) => Math.abs(b.difference) - Math.abs(a.difference))[0];
      const errors = chanceError(arrivalsMs, withinMs, everyMs, random, traces);
      const at = (quantile: number) => errors[Math.floor(quantile * (traces - 1))]?.toFixed(3);
      print([
        file.replace(/.*\//, ''),
        `${within} s`,
        String(samples.length),
        bins
          .map(({ bin: b }) => `${share(b.predicted)} → ${share(b.observed)} (${b.forecasts})`)
          .join(', '),
        most ? `${most.difference.toFixed(3)} ±${most.error.toFixed(3)}` : 'no bin of 200',
        ...(traces > 0 ? [`${at(0.5)}, ${at(0.95)}`] : []),
      ]);
    }
  }
});

function share(of: number): string {
  return of.toFixed(2);
}

function print(cells: readonly string[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}
