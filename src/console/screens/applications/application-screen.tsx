/** One application: its PDGraph with the runs in it, what is known of each unit, and its drift. */
import { useLocation } from 'preact-iso';
import type { ApplicationView, DriftAlarm } from '../../../protocol/console/applications.ts';
import { type Resource, useResource } from '../../ask/resource.ts';
import { tenantPath } from '../../ask/tenant-path.ts';
import { duration } from '../../format/duration.ts';
import { counted, whole } from '../../format/quantity.ts';
import { Ago } from '../../format/times.tsx';
import { Badge } from '../../parts/badge.tsx';
import { Figure, Figures } from '../../parts/figures.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { applicationPlace, runsPlace, screenPlace } from '../../places/places.ts';
import { useNames } from '../../places/use-names.ts';
import './applications.css';
import { Graph } from './graph.tsx';
import { UnitPanel } from './unit-panel.tsx';
import { WeightEdit } from './weight-edit.tsx';

export function ApplicationScreen() {
  const { tenant = '', app = '' } = useNames();
  const path = tenantPath(tenant, 'applications', app);
  const resource = useResource<ApplicationView>(path, 'applications');
  return (
    <Loaded
      resource={resource}
      lines={8}
      actions={
        <a class="button" href={screenPlace(tenant, 'applications')}>
          All applications
        </a>
      }
    >
      {(application) => (
        <Application tenant={tenant} application={application} resource={resource} />
      )}
    </Loaded>
  );
}

interface ApplicationProps {
  readonly tenant: string;
  readonly application: ApplicationView;
  readonly resource: Resource<ApplicationView>;
}

function Application({ tenant, application, resource }: ApplicationProps) {
  const { query, route } = useLocation();
  const { app, label, nodes, completion, drifts } = application;
  const heaviest = nodes.reduce<(typeof nodes)[number] | undefined>(
    (most, node) => (most === undefined || node.workMs > most.workMs ? node : most),
    undefined,
  );
  const chosen = nodes.find(({ unit }) => unit === query.unit) ?? heaviest;
  const choose = (unit: string) =>
    route(`${applicationPlace(tenant, app)}?${new URLSearchParams({ unit })}`, true);
  return (
    <>
      <div class="screen-head">
        <h1 class="cut">{label ?? app}</h1>
        {label !== undefined && <span class="faint mono">{app}</span>}
        {drifts.length > 0 && (
          <Badge tone="amber" icon="alert">
            {counted(drifts.length, 'drift alarm')}
          </Badge>
        )}
        <span class="bar-space" />
        <WeightEdit tenant={tenant} app={app} weight={application.weight} saved={resource.reload} />
        <a class="button" href={runsPlace(tenant, { app })}>
          Its runs
        </a>
      </div>
      <section class="card" aria-label="Figures">
        <div class="card-body app-figures">
          <Figures>
            <Figure name="Known from">{counted(application.knownRuns, 'run')}</Figure>
            <Figure name="In flight">{whole(application.openRuns)}</Figure>
            <Figure name="Mean work">{duration(application.meanWorkMs)}</Figure>
            <Figure name="Completion P50">{duration(completion?.p50)}</Figure>
            <Figure name="P95">{duration(completion?.p95)}</Figure>
            <Figure name="P99">{duration(completion?.p99)}</Figure>
            {application.lastEndedAt !== null && (
              <Figure name="Last ended">
                <Ago at={application.lastEndedAt} />
              </Figure>
            )}
          </Figures>
        </div>
      </section>
      {drifts.length > 0 && <Drifts drifts={drifts} />}
      <section class="card" aria-labelledby="graph">
        <div class="card-head">
          <h2 id="graph">How its runs go</h2>
          <span class="faint">nodes by work, edges by probability; choose a unit</span>
        </div>
        <div class="card-body">
          {nodes.length === 0 ? (
            <Empty title="No run of it has ended yet">Its graph is drawn from finished runs.</Empty>
          ) : (
            <Graph application={application} chosen={chosen?.unit} choose={choose} />
          )}
        </div>
      </section>
      {chosen && (
        <UnitPanel
          unit={chosen}
          rank={application.ranks.find(({ unit }) => unit === chosen.unit)}
        />
      )}
    </>
  );
}

function Drifts({ drifts }: { readonly drifts: readonly DriftAlarm[] }) {
  return (
    <section class="card" aria-labelledby="drift">
      <div class="card-head">
        <h2 id="drift">Drift</h2>
        <span class="faint">older samples of these units count less since then</span>
      </div>
      <ul class="card-body drifts">
        {drifts.map((drift) => (
          <li key={`${drift.unit} ${drift.at}`}>
            <strong>{drift.unit}</strong>: {drift.of} from {whole(Math.round(drift.before))} to{' '}
            {whole(Math.round(drift.now))}, <Ago at={drift.at} />
          </li>
        ))}
      </ul>
    </section>
  );
}
