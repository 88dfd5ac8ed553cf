/** What came of the playground's call: answer, headers, and its story as the dispatcher tells it. */

import type { CallStory } from '../../../protocol/console/runs.ts';
import { useResource } from '../../ask/resource.ts';
import { tenantPath } from '../../ask/tenant-path.ts';
import { duration } from '../../format/duration.ts';
import { whole } from '../../format/quantity.ts';
import { Badge } from '../../parts/badge.tsx';
import { Figure, Figures } from '../../parts/figures.tsx';
import { late } from '../../parts/late.tsx';
import { Empty, Loaded, Loading } from '../../parts/states.tsx';
import { callPlace } from '../../places/places.ts';
import type { Played } from './play-call.ts';

const CallTimes = late<{ readonly story: CallStory }>(
  async () => (await import('../runs/call-times.tsx')).CallTimes,
);

/** Characters of an answer that are shown. */
const MOST_CHARS = 20_000;

export interface AnsweredProps {
  readonly tenant: string;
  readonly played: Played | null;
  readonly isRunning: boolean;
}

export function Answered({ tenant, played, isRunning }: AnsweredProps) {
  return (
    <section class="card" aria-labelledby="answer-head" aria-busy={isRunning}>
      <div class="card-head">
        <h2 id="answer-head">What came of it</h2>
        {played?.kind === 'answered' && (
          <>
            <Badge tone={played.status < 400 ? 'good' : 'bad'}>{played.status}</Badge>
            <span class="faint">
              headers after {duration(played.headersMs)}, all after {duration(played.allMs)}
            </span>
          </>
        )}
      </div>
      <div aria-live="polite">
        <Outcome tenant={tenant} played={played} isRunning={isRunning} />
      </div>
    </section>
  );
}

function Outcome({ tenant, played, isRunning }: AnsweredProps) {
  if (isRunning) return <Loading lines={6} />;
  if (played === null) {
    return (
      <Empty title="Nothing was sent yet">The answer, its headers and its story come here.</Empty>
    );
  }
  if (played.kind === 'cancelled') {
    return <Empty title="Cancelled">The service ends the call, and frees its slot.</Empty>;
  }
  if (played.kind === 'unreachable') {
    return (
      <Empty title="No answer came">
        The service could not be reached, or cut the connection. Send it again.
      </Empty>
    );
  }
  const { said, text, headers, call } = played;
  return (
    <div class="card-body settings-stack">
      {said !== null && <blockquote class="play-said">{said.slice(0, MOST_CHARS)}</blockquote>}
      <details open={said === null}>
        <summary>The whole answer</summary>
        <pre class="settings-kept">{text.slice(0, MOST_CHARS) || '(empty)'}</pre>
      </details>
      <h3>Headers</h3>
      <table class="play-headers">
        <thead class="unseen">
          <tr>
            <th scope="col">Header</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {headers.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {call !== null && <Story tenant={tenant} call={call} />}
    </div>
  );
}

function Story({ tenant, call }: { readonly tenant: string; readonly call: string }) {
  const path = tenantPath(tenant, 'calls', call);
  const story = useResource<CallStory>(path, 'runs');
  return (
    <>
      <div class="screen-head">
        <h3>Its story</h3>
        <a class="button" href={callPlace(tenant, call)}>
          In full
        </a>
      </div>
      {story.value === undefined && story.problem?.kind === 'missing' ? (
        <p class="soft">
          This tenant has no such call: the key is of another tenant, or the call is not recorded.
        </p>
      ) : (
        <Loaded resource={story} lines={3}>
          {(value) => <Told story={value} />}
        </Loaded>
      )}
    </>
  );
}

function Told({ story }: { readonly story: CallStory }) {
  const { arrival, attempts, result, state } = story;
  const attempt = attempts.at(-1);
  return (
    <>
      <Figures>
        <Figure name="State">{story.refusal?.code ?? result?.outcome ?? state}</Figure>
        <Figure name="Place on arrival">
          {arrival === null ? 'a free slot' : whole(arrival.position)}
        </Figure>
        <Figure name="Waited">{duration(attempt?.waitedMs)}</Figure>
        <Figure name="Endpoint">{attempt?.endpoint ?? '–'}</Figure>
        <Figure name="Rank">{duration(attempt?.rankMs)}</Figure>
        <Figure name="Output tokens">{whole(result?.outputTokens)}</Figure>
      </Figures>
      <CallTimes story={story} />
    </>
  );
}
