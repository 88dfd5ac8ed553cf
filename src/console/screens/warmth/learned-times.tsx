/** The cold start and the idle timeout that were learned of an endpoint, with their samples. */
import type { EndpointWarmth, LearnedTimeShown } from '../../../protocol/console/warmth.ts';
import { absolute, duration } from '../../format/duration.ts';
import { counted } from '../../format/quantity.ts';

export function LearnedTimes({ endpoint }: { readonly endpoint: EndpointWarmth }) {
  const { coldStart, idleTimeout } = endpoint;
  if (!coldStart && !idleTimeout) return null;
  return (
    <div class="warmth-chart warmth-learned">
      <strong class="cut">Learned of {endpoint.endpoint}</strong>
      {coldStart && <Time name="Cold start" time={coldStart} />}
      {idleTimeout && <Time name="Idle timeout" time={idleTimeout} />}
    </div>
  );
}

/** Each sample is a point on a line from 0 to the longest; the time in use is a stroke. */
function Time({ name, time }: { readonly name: string; readonly time: LearnedTimeShown }) {
  const { ms, configuredMs, observations, samples } = time;
  const most = Math.max(ms, configuredMs, ...samples.map((sample) => sample.ms), 1);
  const at = (value: number) => `${(value / most) * 100}%`;
  return (
    <div>
      <div class="warmth-time">
        <span>{name}</span>
        <span>
          <strong>{duration(ms)}</strong>{' '}
          <span class="faint">
            configured {duration(configuredMs)}, {counted(observations, 'observation')}
          </span>
        </span>
      </div>
      <div
        class="warmth-samples"
        role="img"
        aria-label={`${name}: ${duration(ms)} in use; ${counted(samples.length, 'sample')}`}
      >
        <i class="warmth-used" style={{ left: at(ms) }} title={`in use: ${duration(ms)}`} />
        {samples.map((sample, i) => (
          <i
            key={i}
            class="warmth-sample"
            data-found={sample.found}
            style={{ left: at(sample.ms) }}
            title={`${sample.found ? `found ${sample.found} after ` : ''}${duration(sample.ms)}${sample.at === null ? '' : `, ${absolute(sample.at)}`}`}
          />
        ))}
      </div>
    </div>
  );
}
