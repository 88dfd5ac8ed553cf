/** Finished runs for whoever looks at them, in order of arrival, counted from the earliest. */
import type { RecordedRuns } from './recorded-runs.ts';

const PIECE_CHARS = 256_000;

/** JSON Lines, a piece at a time: all runs together may be more than one answer of an object can be. */
export function runsView(recorded: RecordedRuns, app: string | undefined): ReadableStream {
  const order = recorded.byArrival(app);
  const startMs = order[0]?.arrivalMs ?? 0;
  const encoder = new TextEncoder();
  let at = 0;
  return new ReadableStream({
    type: 'bytes',
    pull: (sink) => {
      let text = '';
      while (at < order.length && text.length < PIECE_CHARS) {
        const run = recorded.at(order[at]?.seq ?? 0);
        at += 1;
        if (run) text += `${JSON.stringify({ ...run, arrival_ms: run.arrival_ms - startMs })}\n`;
      }
      if (text !== '') sink.enqueue(encoder.encode(text));
      if (at >= order.length) {
        sink.close();
        // A reader that waits with a buffer of its own is told so, too.
        sink.byobRequest?.respond(0);
      }
    },
  });
}
