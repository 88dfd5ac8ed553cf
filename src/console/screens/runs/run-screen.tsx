/** One run: what it took, how much of that it waited, and its calls as a waterfall. */

import type { RunStory } from '../../../protocol/console/runs.ts';
import { useResource } from '../../ask/resource.ts';
import { tenantPath } from '../../ask/tenant-path.ts';
import { duration } from '../../format/duration.ts';
import { whole } from '../../format/quantity.ts';
import { Ago, Since } from '../../format/times.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Figure, Figures } from '../../parts/figures.tsx';
import { Banner, Empty, Loaded } from '../../parts/states.tsx';
import { applicationPlace, runsPlace, screenPlace } from '../../places/places.ts';
import { useNames } from '../../places/use-names.ts';
import { callCurl } from './curl.ts';
import { RunStateBadge } from './run-state.tsx';
import './runs.css';
import { Waterfall } from './waterfall.tsx';

const TIMING: Readonly<Record<RunStory['timing'], string | null>> = {
  measured: null,
  partly:
    'Some calls have no times of their own: they ended before a restart of the tenant’s object, which holds the times until the run ends, or were beyond those that are kept.',
  placed:
    'Calls stand where the recorded units put them, and have no stories: the tenant’s object, which holds their times until the run ends, was restarted meanwhile, or the run was imported or very long.',
};
const TOKENS = 'Of calls that have ended';

export function RunScreen() {
  const { tenant = '', run = '' } = useNames();
  const path = tenantPath(tenant, 'runs', run);
  const story = useResource<RunStory>(path, 'runs');
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
      {(value) => <Run tenant={tenant} story={value} />}
    </Loaded>
  );
}

function Run({ tenant, story }: { readonly tenant: string; readonly story: RunStory }) {
  const timing = TIMING[story.timing];
  const unit = story.lanes[0]?.unit ?? '';
  const hasTokens = story.endedAt !== null || story.inputTokens + story.outputTokens > 0;
  return (
    <>
      <div class="screen-head">
        <h1 class="cut mono">{story.run}</h1>
        <RunStateBadge state={story.state} />
        <a href={applicationPlace(tenant, story.app)}>{story.label ?? story.app}</a>
        <span class="bar-space" />
        <a class="button" href={runsPlace(tenant, { app: story.app })}>
          Others of the application
        </a>
        <CopyButton text={() => callCurl(location.origin, { ...story, unit })}>
          Copy as curl
        </CopyButton>
      </div>
      <section class="card" aria-label="Figures">
        <div class="card-body run-figures">
          <Figures>
            <Figure name="Arrived">
              <Ago at={story.arrivedAt} />
            </Figure>
            <Figure name={story.endedAt === null ? 'So far' : 'Took'}>
              {story.endedAt === null ? <Since at={story.arrivedAt} /> : duration(story.tookMs)}
            </Figure>
            <Figure name="Waited" title="Time in which at least one of its calls waited">
              {duration(story.waitedMs)}
            </Figure>
            <Figure name="Calls">{whole(story.calls)}</Figure>
            <Figure name="Units">{whole(story.units)}</Figure>
            <Figure name="Tokens in" title={TOKENS}>
              {whole(hasTokens ? story.inputTokens : null)}
            </Figure>
            <Figure name="Tokens out" title={TOKENS}>
              {whole(hasTokens ? story.outputTokens : null)}
            </Figure>
            {story.deadlineAt !== null && (
              <Figure name="Deadline">
                <Ago at={story.deadlineAt} />
              </Figure>
            )}
            {story.key !== null && <Figure name="API key">{story.key}</Figure>}
          </Figures>
        </div>
      </section>
      {timing && <Banner>{timing}</Banner>}
      <section class="card" aria-labelledby="waterfall">
        <div class="card-head">
          <h2 id="waterfall">Waterfall</h2>
          {story.lanesTotal > story.lanes.length && (
            <span class="faint">
              the first {whole(story.lanes.length)} of {whole(story.lanesTotal)} calls
            </span>
          )}
        </div>
        <div class="card-body">
          {story.lanes.length === 0 ? (
            <Empty title="Nothing is recorded of its calls" />
          ) : (
            <Waterfall tenant={tenant} story={story} />
          )}
        </div>
      </section>
    </>
  );
}
