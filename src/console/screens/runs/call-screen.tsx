/** The story of a call: how it was identified, why it waited, where it was served, what came of it. */

import type { ComponentChildren } from 'preact';
import type { CallStory, RunsPage } from '../../../protocol/console/runs.ts';
import { useResource } from '../../ask/resource.ts';
import { tenantPath } from '../../ask/tenant-path.ts';
import { duration } from '../../format/duration.ts';
import { UNKNOWN, whole } from '../../format/quantity.ts';
import { Ago } from '../../format/times.tsx';
import { Badge, type Tone } from '../../parts/badge.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { applicationPlace, runPlace, screenPlace } from '../../places/places.ts';
import { useNames } from '../../places/use-names.ts';
import { Attempts } from './attempts.tsx';
import { CallTimes } from './call-times.tsx';
import { callCurl, storyCurl } from './curl.ts';
import './runs.css';

const TONES: Readonly<Record<CallStory['state'], Tone>> = {
  waiting: 'amber',
  running: 'blue',
  ended: 'good',
  refused: 'bad',
  cancelled: 'plain',
};

export function CallScreen() {
  const { tenant = '', call = '' } = useNames();
  const path = tenantPath(tenant, 'calls', call);
  const story = useResource<CallStory>(path, 'runs');
  if (story.value === undefined && story.problem?.kind === 'missing') {
    return <NotKept tenant={tenant} call={call} />;
  }
  return (
    <Loaded
      resource={story}
      lines={8}
      actions={
        <a class="button" href={screenPlace(tenant, 'runs')}>
          All runs
        </a>
      }
    >
      {(value) => <Call tenant={tenant} story={value} />}
    </Loaded>
  );
}

/** The story is gone; the run that the call was of may be recorded. */
function NotKept({ tenant, call }: { readonly tenant: string; readonly call: string }) {
  const query = new URLSearchParams({ q: call });
  const runs = useResource<RunsPage>(`${tenantPath(tenant, 'runs')}?${query}`);
  const run = runs.value?.found?.run;
  return (
    <Empty
      title="The story of this call is not kept"
      actions={
        <a
          class="button"
          href={run === undefined ? screenPlace(tenant, 'runs') : runPlace(tenant, run)}
        >
          {run === undefined ? 'All runs' : 'Its run'}
        </a>
      }
    >
      Stories are in the memory of the tenant's object: those of its newest 1,000 calls since it was
      started.
      {run !== undefined && ' When this call waited and was served is recorded with its run.'}
    </Empty>
  );
}

function Call({ tenant, story }: { readonly tenant: string; readonly story: CallStory }) {
  const { origin } = location;
  return (
    <>
      <div class="screen-head">
        <h1 class="cut mono">{story.call}</h1>
        <Badge tone={failed(story) ? 'bad' : TONES[story.state]}>{story.state}</Badge>
        <a href={runPlace(tenant, story.run)}>Its run</a>
        <span class="bar-space" />
        <CopyButton text={() => storyCurl(origin, story.call)}>Copy story as curl</CopyButton>
        <CopyButton text={() => callCurl(origin, story)}>Copy call as curl</CopyButton>
      </div>
      {story.spans.length > 0 && (
        <section class="card" aria-label="Times">
          <div class="card-body run-figures">
            <CallTimes story={story} />
          </div>
        </section>
      )}
      <div class="call-parts">
        <Part title="Who it is of">
          <Fact name="Application" why={story.identifiedBy?.app}>
            <a href={applicationPlace(tenant, story.app)}>{story.app}</a>
          </Fact>
          <Fact name="Run" why={story.identifiedBy?.run}>
            <a href={runPlace(tenant, story.run)}>{story.run}</a>
          </Fact>
          <Fact name="Unit" why={story.identifiedBy?.unit}>
            {story.unit}
          </Fact>
          <Fact name="Backend">{story.backend}</Fact>
          <Fact name="API key">{story.key}</Fact>
          <Fact name="Request id">{story.requestId ?? UNKNOWN}</Fact>
        </Part>
        <Part title="What it asked for">
          <Fact name="Arrived">
            <Ago at={story.arrivedAt} />
          </Fact>
          <Fact name="Kind">{story.request.kind}</Fact>
          <Fact name="Input tokens">{whole(story.request.inputTokens)}</Fact>
          <Fact name="Output tokens at most">{whole(story.request.maxOutputTokens)}</Fact>
          <Fact name="Body">
            {story.request.bodyBytes === null ? UNKNOWN : `${whole(story.request.bodyBytes)} bytes`}
          </Fact>
          <Fact name="Waits at most">{duration(story.request.maxWaitMs)}</Fact>
          <Fact name="Last call of its run">{story.request.final ? 'yes' : 'not said'}</Fact>
        </Part>
        <Part title="On arrival">
          {story.arrival === null ? (
            <p class="soft">It never waited: a slot was free.</p>
          ) : (
            <>
              <Fact name="Place in the line">{whole(story.arrival.position)}</Fact>
              <Fact name="Expected wait">{duration(story.arrival.expectedWaitMs)}</Fact>
              <Fact name="Rank">{duration(story.arrival.rankMs)}</Fact>
              <Fact name="Bound">
                {story.arrival.boundMs === null ? 'none' : duration(story.arrival.boundMs)}
              </Fact>
            </>
          )}
        </Part>
        <Part title="What came of it">
          <Result story={story} />
        </Part>
      </div>
      <Attempts attempts={story.attempts} />
    </>
  );
}

function Result({ story: { refusal, result } }: { readonly story: CallStory }) {
  if (refusal) {
    return (
      <>
        <Fact name="Refused">{refusal.code}</Fact>
        <Fact name="May come again in">{duration(refusal.retryAfterMs)}</Fact>
      </>
    );
  }
  if (!result) return <p class="soft">It has not ended.</p>;
  return (
    <>
      <Fact name="Outcome">{result.outcome}</Fact>
      <Fact name="Service">{duration(result.serviceMs)}</Fact>
      <Fact name="First byte after">{duration(result.firstByteMs)}</Fact>
      <Fact name="Input tokens">{whole(result.inputTokens)}</Fact>
      <Fact name="Of them cached">{whole(result.cachedTokens)}</Fact>
      <Fact name="Output tokens">{whole(result.outputTokens)}</Fact>
      {result.endpointFault && <Fact name="Fault">of the endpoint</Fact>}
      {result.cold && <Fact name="Endpoint">was cold</Fact>}
    </>
  );
}

function failed({ result, refusal }: CallStory): boolean {
  return refusal !== null || (result !== null && result.outcome !== 'ok');
}

function Part({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
}) {
  return (
    <section class="card" aria-label={title}>
      <div class="card-head">
        <h2>{title}</h2>
      </div>
      <dl class="card-body facts">{children}</dl>
    </section>
  );
}

interface FactProps {
  readonly name: string;
  /** What it was taken from. */
  readonly why?: string | undefined;
  readonly children: ComponentChildren;
}

function Fact({ name, why, children }: FactProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {children}
        {why !== undefined && <span class="second faint">from {why}</span>}
      </dd>
    </div>
  );
}
