/**
 * Spans of time in lanes under one axis: the waterfall of a run, the timeline of an endpoint. Kinds
 * differ in lightness and in pattern as well as in colour, each span says what it is when it is
 * pointed at, and each lane says the same to screen readers.
 */
import type { ComponentChildren } from 'preact';
import { absolute, dayAndTime, duration, timeOfDay } from '../format/duration.ts';
import { useNarrow } from './narrow.ts';
import { roundNumbers, roundTimes } from './round-ticks.ts';
import './time-lanes.css';

/** Shares of the axis in which the name of a tick has no room on both sides. */
const EDGE = 0.08;

export interface TimeSpan {
  readonly kind: string;
  readonly from: number;
  readonly to: number;
  readonly title?: string;
}

export interface TimeLane {
  readonly id: string;
  readonly head: ComponentChildren;
  readonly spans: readonly TimeSpan[];
  readonly marks?: ReadonlyArray<{
    readonly at: number;
    readonly kind: string;
    readonly title: string;
  }>;
  readonly end?: ComponentChildren;
}

export interface TimeLanesProps {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly lanes: readonly TimeLane[];
  /** Names of the kinds that occur, for the legend. */
  readonly kinds: Readonly<Record<string, string>>;
  /** `elapsed`: from the beginning; `clock`: times of the day. */
  readonly axis: 'elapsed' | 'clock';
}

export function TimeLanes({ label, from, to, lanes, kinds, axis }: TimeLanesProps) {
  const narrow = useNarrow();
  const end = Math.max(to, from + 1);
  const at = (time: number) =>
    `${Math.min(100, Math.max(0, ((time - from) / (end - from)) * 100))}%`;
  const ticks =
    axis === 'elapsed' ? elapsed(from, end, narrow ? 3 : 7) : clock(from, end, narrow ? 3 : 8);
  const present = new Set(
    lanes.flatMap(({ spans, marks = [] }) => [...spans, ...marks].map((s) => s.kind)),
  );
  const marked = new Set(lanes.flatMap(({ marks = [] }) => marks.map(({ kind }) => kind)));
  return (
    <div class="lanes">
      <div role="list" aria-label={label}>
        <div class="lane lane-axis" role="presentation">
          <div class="lane-track">
            {ticks.map((tick) => (
              <span
                key={tick.at}
                class="lane-tick"
                data-edge={edgeOf((tick.at - from) / (end - from))}
                style={{ left: at(tick.at) }}
              >
                {tick.name}
              </span>
            ))}
          </div>
        </div>
        {lanes.map((lane) => (
          <div key={lane.id} class="lane" role="listitem">
            <div class="lane-head">{lane.head}</div>
            <div class="lane-track" role="img" aria-label={saidOf(lane, kinds)}>
              {ticks.map((tick) => (
                <i key={tick.at} class="lane-line" style={{ left: at(tick.at) }} />
              ))}
              {lane.spans.map((span) => (
                <i
                  key={`${span.kind}${span.from}`}
                  class="span"
                  data-kind={span.kind}
                  title={span.title ?? titleOf(span, kinds)}
                  style={{ left: at(span.from), width: `calc(${at(span.to)} - ${at(span.from)})` }}
                />
              ))}
              {lane.marks?.map((mark) => (
                <i
                  key={`${mark.kind}${mark.at}`}
                  class="mark"
                  data-kind={mark.kind}
                  title={mark.title}
                  style={{ left: at(mark.at) }}
                />
              ))}
            </div>
            <div class="lane-end">{lane.end}</div>
          </div>
        ))}
      </div>
      <ul class="lane-legend" aria-label="Legend">
        {Object.entries(kinds)
          .filter(([kind]) => present.has(kind))
          .map(([kind, name]) => (
            <li key={kind}>
              <i class={marked.has(kind) ? 'mark' : 'span'} data-kind={kind} />
              {name}
            </li>
          ))}
      </ul>
    </div>
  );
}

/** A name near an end of the axis stands on its inner side, so that it does not leave the axis. */
function edgeOf(share: number): 'start' | 'end' | undefined {
  if (share < EDGE) return 'start';
  return share > 1 - EDGE ? 'end' : undefined;
}

interface Tick {
  readonly at: number;
  readonly name: string;
}

function elapsed(from: number, to: number, count: number): Tick[] {
  return roundNumbers(to - from, count).map((ms) => ({
    at: from + ms,
    name: ms === 0 ? '0' : duration(ms).replace('.0 ', ' '),
  }));
}

function clock(from: number, to: number, count: number): Tick[] {
  const name = to - from > 36 * 3_600_000 ? dayAndTime : (at: number) => timeOfDay(at).slice(0, 5);
  return roundTimes(from, to, count).map((time) => ({ at: time, name: name(time) }));
}

function titleOf({ kind, from, to }: TimeSpan, kinds: Readonly<Record<string, string>>): string {
  return `${kinds[kind] ?? kind}: ${duration(to - from)}, from ${absolute(from)}`;
}

/** The sums of a lane's kinds. */
function saidOf({ spans }: TimeLane, kinds: Readonly<Record<string, string>>): string {
  const sums = new Map<string, number>();
  for (const { kind, from, to } of spans) sums.set(kind, (sums.get(kind) ?? 0) + to - from);
  const said = [...sums].map(([kind, ms]) => `${kinds[kind] ?? kind} ${duration(ms)}`);
  return said.join(', ') || 'nothing';
}
