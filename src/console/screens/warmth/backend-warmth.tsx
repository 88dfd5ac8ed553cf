/** The warmth of one backend: timelines, what would be decided now and why, forecasts, wakes. */
import type {
  BackendWarmth,
  EndpointWarmth,
  WakeShown,
  WarmthView,
} from '../../../protocol/console/warmth.ts';
import { exactNow } from '../../format/clock.ts';
import { absolute, duration } from '../../format/duration.ts';
import { percent } from '../../format/quantity.ts';
import { Badge } from '../../parts/badge.tsx';
import { EndpointState } from '../../parts/endpoint-state.tsx';
import { type TimeLane, TimeLanes } from '../../parts/time-lanes.tsx';
import { runPlace } from '../../places/places.ts';
import { EndpointActions } from './endpoint-actions.tsx';
import { Forecasts } from './forecasts.tsx';
import { LearnedTimes } from './learned-times.tsx';
import { MoneyFigures } from './money-part.tsx';
import { causeWords, decisionWords, reasonWords } from './reason-words.ts';
import { Wakes } from './wakes.tsx';

const STATES = {
  cold: 'cold',
  warming: 'warming',
  warm: 'warm',
  serving: 'serving',
  unknown: 'not recorded',
  good: 'wake that was used',
  bad: 'wake that was not',
  demand: 'wake on demand',
} as const;

export interface BackendWarmthProps {
  readonly tenant: string;
  readonly view: WarmthView;
  readonly backend: BackendWarmth;
  readonly reload: () => void;
}

export function BackendWarmthPart({ tenant, view, backend, reload }: BackendWarmthProps) {
  const scaling = backend.endpoints.filter(({ canGoCold }) => canGoCold);
  return (
    <section class="card" aria-label={`Backend ${backend.backend}`}>
      <div class="card-head">
        <h2>{backend.backend}</h2>
        <Badge tone={backend.prewarm === 'on' ? 'blue' : 'plain'}>prewarm {backend.prewarm}</Badge>
        <span class="faint">wakes from a probability of {percent(backend.theta)} on</span>
      </div>
      <div class="card-body warmth-backend">
        <MoneyFigures money={backend.money} />
        <Outlook tenant={tenant} backend={backend} />
        <TimeLanes
          label={`States of the endpoints of ${backend.backend}`}
          from={view.from}
          to={view.to}
          lanes={scaling.map((endpoint) => laneOf(view, endpoint))}
          kinds={STATES}
          axis="clock"
        />
        <ul class="warmth-endpoints">
          {scaling.map((endpoint) => (
            <Endpoint
              key={endpoint.endpoint}
              tenant={tenant}
              backend={backend.backend}
              endpoint={endpoint}
              reload={reload}
            />
          ))}
        </ul>
        <div class="warmth-charts">
          <Forecasts bins={backend.forecasts} />
          {scaling.map((endpoint) => (
            <LearnedTimes key={endpoint.endpoint} endpoint={endpoint} />
          ))}
        </div>
      </div>
      <Wakes backend={backend} />
    </section>
  );
}

function Outlook({
  tenant,
  backend,
}: {
  readonly tenant: string;
  readonly backend: BackendWarmth;
}) {
  const { outlook } = backend;
  const [likeliest] = outlook.runs;
  if (outlook.arrivalProbability === null) {
    return <p class="soft">Calls wait or run here, so it is needed now.</p>;
  }
  return (
    <p class="soft">
      Within a cold start ({duration(outlook.coldStartMs)}) a run that has not arrived yet needs it
      with {percent(outlook.arrivalProbability)}
      {likeliest && (
        <>
          , and of the runs in flight <a href={runPlace(tenant, likeliest.run)}>{likeliest.run}</a>{' '}
          ({likeliest.app}) with {percent(likeliest.probability)}
        </>
      )}
      .
    </p>
  );
}

function laneOf(view: WarmthView, endpoint: EndpointWarmth): TimeLane {
  const now = exactNow();
  const inside = (at: number) => Math.min(view.to, Math.max(view.from, at));
  return {
    id: endpoint.endpoint,
    head: endpoint.endpoint,
    spans: endpoint.segments
      .map(({ state, from, to }) => ({ kind: state, from: inside(from), to: inside(to ?? now) }))
      .filter(({ from, to }) => to > from),
    marks: endpoint.wakes
      .filter(({ at }) => at >= view.from && at <= view.to)
      .map((wake) => ({ at: wake.at, kind: kindOf(wake), title: titleOf(wake) })),
    end: warmShare(view, endpoint, now),
  };
}

function kindOf({ cause, outcome }: WakeShown): 'good' | 'bad' | 'demand' {
  if (cause === 'demand') return 'demand';
  return outcome === 'wasted' || outcome === 'failed' ? 'bad' : 'good';
}

function titleOf({ at, cause, reason, outcome }: WakeShown): string {
  return `${causeWords(cause)}: ${outcome}, ${absolute(at)}. ${reasonWords(reason)}`;
}

function warmShare(view: WarmthView, { segments }: EndpointWarmth, now: number): string {
  let [warm, known] = [0, 0];
  for (const { state, from, to } of segments) {
    if (state === 'unknown') continue;
    const length = Math.min(view.to, to ?? now) - Math.max(view.from, from);
    if (length <= 0) continue;
    known += length;
    if (state !== 'cold') warm += length;
  }
  return known === 0 ? '' : `${percent(warm / known)} up`;
}

interface EndpointProps {
  readonly tenant: string;
  readonly backend: string;
  readonly endpoint: EndpointWarmth;
  readonly reload: () => void;
}

function Endpoint({ tenant, backend, endpoint, reload }: EndpointProps) {
  return (
    <li class="warmth-endpoint">
      <strong class="cut">{endpoint.endpoint}</strong>
      <EndpointState {...endpoint} />
      <span class="soft warmth-decision">
        {[decisionWords(endpoint.decision), reasonWords(endpoint.reason ?? '')]
          .filter((said) => said)
          .join(': ')}
      </span>
      <EndpointActions tenant={tenant} backend={backend} endpoint={endpoint} done={reload} />
      {endpoint.lastError && (
        <span class="field-problem warmth-error">
          The last {endpoint.lastError.of} failed ({absolute(endpoint.lastError.at)}):{' '}
          {endpoint.lastError.reason}
        </span>
      )}
    </li>
  );
}
