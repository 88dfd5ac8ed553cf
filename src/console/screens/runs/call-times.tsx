/** A call over time: how long it waited, and was served. */
import type { CallStory } from '../../../protocol/console/runs.ts';
import { exactNow } from '../../format/clock.ts';
import { duration } from '../../format/duration.ts';
import { TimeLanes } from '../../parts/time-lanes.tsx';
import { closed, SPAN_NAMES } from './waterfall.tsx';

export function CallTimes({ story }: { readonly story: CallStory }) {
  const { arrivedAt, unit } = story;
  const now = exactNow();
  const spans = story.spans.map((span) => closed(span, now));
  const last = spans.at(-1);
  if (!last) return null;
  return (
    <TimeLanes
      label="The call over time"
      from={arrivedAt}
      to={last.to}
      kinds={SPAN_NAMES}
      axis="elapsed"
      lanes={[{ id: 'call', head: unit, spans, end: duration(last.to - arrivedAt) }]}
    />
  );
}
