/** The screen Now: what waits and why there, what runs, and how the backends are, live. */
import { useEffect } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { BackendNow, NowView } from '../../../protocol/console/now.ts';
import { useResource } from '../../ask/resource.ts';
import { tenantPath } from '../../ask/tenant-path.ts';
import { duration } from '../../format/duration.ts';
import { counted, whole } from '../../format/quantity.ts';
import { FULL_HINT, liveState, nowView, watch } from '../../live/live.ts';
import { Badge } from '../../parts/badge.tsx';
import { Figure, Figures } from '../../parts/figures.tsx';
import { Banner, Empty, Loaded } from '../../parts/states.tsx';
import { settingsPlace } from '../../places/places.ts';
import { useNames } from '../../places/use-names.ts';
import { BackendCard } from './backend-card.tsx';
import { LinePart } from './line-part.tsx';
import { LoadChart } from './load-chart.tsx';
import './now.css';
import { RunningPart } from './running-part.tsx';

/** How often a page that is not told of changes asks, ms. */
const UNTOLD_MS = 10_000;

export function NowScreen() {
  const tenant = useNames().tenant ?? '';
  const isFull = liveState.value.kind === 'full';
  const live = isFull ? undefined : nowView.value;
  // Until the stream has told something, and where it cannot.
  const asked = useResource<NowView>(live ? null : tenantPath(tenant, 'now'));
  useEffect(() => watch('now'), []);
  const { reload } = asked;
  useEffect(() => {
    if (!isFull) return;
    const timer = setInterval(() => !document.hidden && reload(), UNTOLD_MS);
    return () => clearInterval(timer);
  }, [isFull, reload]);
  return (
    <>
      <StaleBanner />
      {live ? (
        <Now tenant={tenant} view={live} />
      ) : (
        <Loaded resource={asked} lines={9}>
          {(view) => <Now tenant={tenant} view={view} />}
        </Loaded>
      )}
    </>
  );
}

function StaleBanner() {
  const state = liveState.value;
  if (state.kind === 'full') {
    return (
      <Banner>
        {FULL_HINT} What you see is asked for every {duration(UNTOLD_MS)}.
      </Banner>
    );
  }
  if (state.kind !== 'stale') return null;
  return (
    <Banner>
      The connection is lost: what you see is as it was. The page connects again by itself.
    </Banner>
  );
}

function Now({ tenant, view }: { readonly tenant: string; readonly view: NowView }) {
  const { query } = useLocation();
  const { backends } = view;
  if (backends.length === 0) {
    return (
      <Empty
        title="No backend is configured"
        actions={
          <a class="button" href={settingsPlace(tenant, 'configuration')}>
            Open the configuration
          </a>
        }
      >
        A tenant needs a backend with an endpoint before it can admit calls.
      </Empty>
    );
  }
  const sum = (of: (backend: BackendNow) => number) =>
    backends.reduce((total, backend) => total + of(backend), 0);
  return (
    <>
      <div class="screen-head">
        <h1>Now</h1>
        <Badge title="The policy that orders the line">{view.policy}</Badge>
        <span class="faint">{counted(view.openRuns, 'run')} in flight</span>
      </div>
      <div class="now-top">
        <section class="card now-load" aria-label="Load">
          <div class="card-body">
            <Figures>
              <Figure name="Runs waiting">{whole(sum((b) => b.waitingRuns))}</Figure>
              <Figure name="Calls waiting">{whole(sum((b) => b.waitingCalls))}</Figure>
              <Figure name="Calls running">{whole(sum((b) => b.runningCalls))}</Figure>
            </Figures>
            <LoadChart />
          </div>
        </section>
        {backends.map((backend) => (
          <BackendCard key={backend.backend} tenant={tenant} backend={backend} />
        ))}
      </div>
      <LinePart tenant={tenant} view={view} chosen={query.backend} />
      <RunningPart tenant={tenant} view={view} />
    </>
  );
}
