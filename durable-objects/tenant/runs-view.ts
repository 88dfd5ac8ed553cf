/**
 * A tenant's finished runs for display, as JSON Lines in order of arrival; times count from the
 * earliest arrival. The export that can be imported again is in tenant-archive.ts.
 */
import type { RecordedRuns } from './recorded-runs.ts';

/** Length of a piece, in characters; its last run may exceed it. */
const PIECE_CHARS = 256_000;

/** Streams in pieces, since all runs together may exceed what one RPC answer can hold. */
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
        // A reader with a buffer of its own (BYOB) learns of the end only by this.
        sink.byobRequest?.respond(0);
      }
    },
  });
}
