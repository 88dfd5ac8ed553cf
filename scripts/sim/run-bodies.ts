/**
 * What a run asks, call for call, whenever it arrives and whatever its name: recorded runs may be drawn
 * from the same few, so that a forecast by likeness recognizes what it is to foresee.
 */
import type { CallRecord, RecordedRun, VisitRecord } from '../../src/core/runs/recorded-run.ts';
import type { IsLike } from '../../src/core/waits/scene-builder.ts';

/** False where a run of the trace is compared with one of the same calls. */
export function isOfOtherCalls(trace: readonly RecordedRun[]): IsLike {
  const bodies = new Map(trace.map((run) => [run.run, bodyOf(run)]));
  const known = new WeakMap<RecordedRun, string>();
  return ({ id }, past) => {
    let body = known.get(past);
    if (body === undefined) {
      body = bodyOf(past);
      known.set(past, body);
    }
    return body !== bodies.get(id);
  };
}

/** The same for runs with the same calls in each of the same visits. */
export function bodyOf({ app, units }: RecordedRun): string {
  return [app, ...units.map(visitOf)].join('\n');
}

function visitOf({ unit, backend, calls }: VisitRecord): string {
  return [unit, backend, ...calls.map(callOf).sort()].join(' ');
}

/** How much of an input was cached, and what comes before a call, is not what it asks. */
function callOf(call: CallRecord): string {
  if ('service_ms' in call) return `${Math.round(call.service_ms)}`;
  return `${call.input_tokens}/${call.output_tokens}`;
}
