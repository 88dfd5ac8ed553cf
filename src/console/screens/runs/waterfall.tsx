/** The waterfall of a run: each call a lane, parallel calls of one visit under each other. */
import type { RunLane, RunSpan, RunStory, SpanKind } from '../../../protocol/console/runs.ts';
import { exactNow } from '../../format/clock.ts';
import { duration } from '../../format/duration.ts';
import { Badge } from '../../parts/badge.tsx';
import { type TimeLane, TimeLanes, type TimeSpan } from '../../parts/time-lanes.tsx';
import { callPlace } from '../../places/places.ts';

export const SPAN_NAMES: Readonly<Record<SpanKind, string>> = {
  waiting: 'waiting for a slot',
  waking: 'waiting for an endpoint to start',
  prefill: 'to the first token',
  decode: 'answer',
  service: 'service',
  own: "client's own work",
  gap: 'gap between visits',
};

export interface WaterfallProps {
  readonly tenant: string;
  readonly story: RunStory;
}

export function Waterfall({ tenant, story }: WaterfallProps) {
  const now = exactNow();
  const to = story.endedAt ?? now;
  const fanOuts = fanOutsOf(story);
  const lanes = story.lanes.map((lane, i) => laneOf(tenant, lane, i, now, fanOuts[i] ?? ''));
  const gaps: TimeLane[] =
    story.gaps.length === 0
      ? []
      : [
          {
            id: 'gaps',
            head: <span class="faint">between visits</span>,
            spans: story.gaps.map((span) => closed(span, now)),
            end: duration(lengthOf(story.gaps, now)),
          },
        ];
  return (
    <TimeLanes
      label="Calls of the run over time"
      from={story.arrivedAt}
      to={Math.max(to, ...lanes.flatMap(({ spans }) => spans.map((span) => span.to)))}
      lanes={[...lanes, ...gaps]}
      kinds={SPAN_NAMES}
      axis="elapsed"
    />
  );
}

function laneOf(tenant: string, lane: RunLane, i: number, now: number, fanOut: string): TimeLane {
  const name = lane.unitLabel ?? lane.unit;
  return {
    id: lane.call ?? `lane-${i}`,
    head: (
      <span class="run-lane" title={`Visit ${lane.visit}, ${lane.endpoint ?? lane.backend}`}>
        <span class="faint">{lane.visit}</span>
        {lane.call === null ? (
          <span class="cut">{name}</span>
        ) : (
          <a class="cut" href={callPlace(tenant, lane.call)}>
            {name}
          </a>
        )}
        {fanOut !== '' && <span class="faint">{fanOut}</span>}
        {lane.attempts > 1 && <Badge tone="amber">{lane.attempts} attempts</Badge>}
        {lane.outcome !== 'succeeded' && lane.outcome !== 'running' && (
          <Badge tone="bad">{lane.outcome}</Badge>
        )}
      </span>
    ),
    spans: lane.spans.map((span) => closed(span, now)),
    end: `${lane.measured ? '' : '≈ '}${duration(lengthOf(lane.spans, now))}`,
  };
}

/** Which of the calls of its visit each lane is, as in `2 of 4`; '' where it is alone. */
function fanOutsOf({ lanes }: RunStory): string[] {
  const places = new Map<number, number>();
  const own = lanes.map(({ visit }) => {
    const place = (places.get(visit) ?? 0) + 1;
    places.set(visit, place);
    return place;
  });
  return lanes.map(({ visit }, i) => {
    const all = places.get(visit) ?? 0;
    return all > 1 ? `${own[i]} of ${all}` : '';
  });
}

/** A span that goes on ends now. */
export function closed({ kind, from, to }: RunSpan, now: number): TimeSpan {
  return { kind, from, to: to ?? Math.max(now, from) };
}

function lengthOf(spans: readonly RunSpan[], now: number): number {
  return spans.reduce((sum, span) => sum + (span.to ?? now) - span.from, 0);
}
