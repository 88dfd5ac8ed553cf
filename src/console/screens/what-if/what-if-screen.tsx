/**
 * The screen What if: the tenant's recorded runs once more, in the page, under another order, other
 * endpoints, prewarming or prices, beside what really happened.
 */
import { useMemo, useState } from 'preact/hooks';
import { duration } from '../../format/duration.ts';
import { counted, percent } from '../../format/quantity.ts';
import { Empty, Failure, Loading } from '../../parts/states.tsx';
import { screenPlace } from '../../places/places.ts';
import { useNames } from '../../places/use-names.ts';
import { OutcomePart } from './outcome-part.tsx';
import { asConfigured, plainGateway, type Scenario, scenarioProblem } from './scenario.ts';
import { ScenarioForm } from './scenario-form.tsx';
import type { Trace } from './trace.ts';
import { useReplay } from './use-replay.ts';
import { useTrace } from './use-trace.ts';
import './what-if.css';

export function WhatIfScreen() {
  const tenant = useNames().tenant ?? '';
  const { loaded, reload } = useTrace(tenant);
  return (
    <>
      <div class="screen-head">
        <h1>What if</h1>
      </div>
      {loaded.kind === 'loading' && <Loading lines={8} />}
      {loaded.kind === 'failed' && <Failure problem={loaded.problem} retry={reload} />}
      {loaded.kind === 'loaded' &&
        (loaded.trace.runs.length === 0 ? (
          <NoRuns tenant={tenant} reload={reload} />
        ) : (
          <WhatIf key={tenant} trace={loaded.trace} />
        ))}
    </>
  );
}

function NoRuns({ tenant, reload }: { readonly tenant: string; readonly reload: () => void }) {
  return (
    <Empty
      title="No run has ended yet"
      actions={
        <>
          <button type="button" class="button" onClick={reload}>
            Look again
          </button>
          <a class="button" href={screenPlace(tenant, 'now')}>
            See what runs now
          </a>
        </>
      }
    >
      Runs are recorded when they end. They are played again here under settings that you choose.
    </Empty>
  );
}

function WhatIf({ trace }: { readonly trace: Trace }) {
  const own = useMemo(() => asConfigured(trace.head), [trace]);
  const plain = useMemo(() => plainGateway(trace.head), [trace]);
  const [scenario, setScenario] = useState<Scenario>(plain);
  const { state, start, cancel } = useReplay(trace);
  const problem = scenarioProblem(scenario);
  const last = trace.runs.at(-1)?.arrival_ms ?? 0;
  return (
    <>
      <section class="card" aria-labelledby="what-if-setting">
        <div class="card-head">
          <h2 id="what-if-setting">The same runs, but</h2>
          <span class="faint">
            {counted(trace.runs.length, 'run')} that arrived in {duration(last)}
          </span>
          <span class="bar-space" />
          <button type="button" class="button" onClick={() => setScenario(plain)}>
            A plain gateway
          </button>
          <button type="button" class="button" onClick={() => setScenario(own)}>
            As configured
          </button>
        </div>
        <form
          class="card-body what-if-form"
          onSubmit={(event) => {
            event.preventDefault();
            if (problem === undefined) start([own, scenario]);
          }}
        >
          <ScenarioForm scenario={scenario} own={own} onChange={setScenario} />
          <div class="what-if-start">
            {state.kind === 'running' ? (
              <>
                <button type="button" class="button" onClick={cancel}>
                  Cancel
                </button>
                <progress value={state.share} aria-label="Replay" />
                <span role="status" class="faint">
                  {percent(state.share)}
                </span>
              </>
            ) : (
              <button
                type="submit"
                class="button"
                data-kind="main"
                disabled={problem !== undefined}
              >
                Replay
              </button>
            )}
            {problem !== undefined && (
              <span class="field-problem" role="alert">
                {problem}
              </span>
            )}
            {state.kind === 'failed' && (
              <span class="field-problem" role="alert">
                The replay failed: {state.message}
              </span>
            )}
          </div>
        </form>
      </section>
      {state.kind === 'done' && <OutcomePart trace={trace} replays={state.replays} />}
      {state.kind === 'idle' && (
        <p class="faint what-if-note">
          The replay runs in this page, with the dispatcher's own code, and learns the applications
          as it goes. Nothing is changed by it.
        </p>
      )}
    </>
  );
}
