/** What is known of one unit: its distributions, and its rank against its age. */
import type {
  Distribution,
  RankCurve,
  UnitNodeView,
} from '../../../protocol/console/applications.ts';
import { duration } from '../../format/duration.ts';
import { compact, counted, whole } from '../../format/quantity.ts';
import { Chart } from '../../parts/chart.tsx';
import { Figure, Figures } from '../../parts/figures.tsx';
import { spaced } from './axis-names.ts';

export interface UnitPanelProps {
  readonly unit: UnitNodeView;
  readonly rank: RankCurve | undefined;
}

export function UnitPanel({ unit, rank }: UnitPanelProps) {
  return (
    <section class="card" aria-label={`Unit ${unit.label ?? unit.unit}`}>
      <div class="card-head">
        <h2 class="cut">{unit.label ?? unit.unit}</h2>
        {unit.label !== undefined && <span class="faint mono">{unit.unit}</span>}
        <span class="faint">on {unit.backend}</span>
      </div>
      <div class="card-body unit-panel">
        <Figures>
          <Figure name="Visits known">{whole(unit.visits)}</Figure>
          <Figure name="Work of a visit" title="Slot time at the present speed">
            {duration(unit.workMs)}
          </Figure>
          <Figure name="Calls a visit">{unit.fanOut.mean.toFixed(1)}</Figure>
          <Figure name="Pause after">{duration(unit.gapMs.mean)}</Figure>
        </Figures>
        {rank && <Rank rank={rank} />}
        <div class="unit-charts">
          {unit.outputTokens && (
            <Distributed name="Output tokens of a call" of={unit.outputTokens} format={compact} />
          )}
          {unit.inputTokens && (
            <Distributed name="Input tokens of a call" of={unit.inputTokens} format={compact} />
          )}
          <Distributed name="Service time of a call" of={unit.serviceMs} format={duration} />
          <Distributed name="Calls made together" of={unit.fanOut} format={compact} />
          <Distributed name="Pause until the next visit" of={unit.gapMs} format={duration} />
        </div>
      </div>
    </section>
  );
}

const SOURCES: Readonly<Record<RankCurve['source'], string>> = {
  samples: 'whole runs',
  graph: 'the graph',
  prior: 'what similar units did',
};

function Rank({ rank }: { readonly rank: RankCurve }) {
  const { points } = rank;
  if (points.length === 0) return null;
  return (
    <figure>
      <figcaption class="soft">
        Gittins rank by the work that a run has had here; lower goes first. From{' '}
        {SOURCES[rank.source]}, {counted(rank.samples, 'sample')}.
      </figcaption>
      <Chart
        label={`The rank begins at ${duration(points[0]?.rankMs)} and is ${duration(points.at(-1)?.rankMs)} after ${duration(points.at(-1)?.ageMs)} of work`}
        x={points.map(({ ageMs }) => ageMs)}
        lines={[
          {
            name: 'rank',
            colour: '--blue-fill',
            values: points.map(({ rankMs }) => rankMs),
          },
        ]}
        heightPx={180}
        yPx={70}
        formatX={shortly}
        formatY={shortly}
      />
    </figure>
  );
}

interface DistributedProps {
  readonly name: string;
  readonly of: Distribution;
  readonly format: (value: number) => string;
}

function Distributed({ name, of, format }: DistributedProps) {
  const { histogram, count, mean, p50, p95 } = of;
  if (count === 0) return null;
  const quantiles = [
    `mean ${format(mean)}`,
    ...(p50 === null ? [] : [`P50 ${format(p50)}`]),
    ...(p95 === null ? [] : [`P95 ${format(p95)}`]),
  ].join(', ');
  return (
    <figure class="unit-chart">
      <figcaption>
        <strong>{name}</strong>
        <span class="second soft">{quantiles}</span>
      </figcaption>
      {histogram && histogram.counts.length > 1 && (
        <Chart
          label={`${name}: ${quantiles}, of ${counted(count, 'value')}`}
          x={histogram.counts.map((_, i) => i + 0.5)}
          xRange={[0, histogram.counts.length]}
          xTicks={spaced(histogram.edges.map(format))}
          lines={[
            {
              name,
              colour: '--blue-fill',
              fill: '--blue-soft',
              bars: true,
              width: 1.5,
              values: histogram.counts,
            },
          ]}
          heightPx={120}
          yPx={36}
          formatY={(n) => (Number.isInteger(n) ? whole(n) : '')}
        />
      )}
    </figure>
  );
}

function shortly(ms: number): string {
  return duration(ms).replace('.0 ', ' ');
}
