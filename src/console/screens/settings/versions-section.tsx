/** Earlier versions of the configuration: what each changed, who made it, and how to put it back. */
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type {
  ConfigVersionRow,
  ConfigVersions,
  ConfigView,
} from '../../../protocol/console/settings.ts';
import { useResource } from '../../ask/resource.ts';
import { configPath } from '../../ask/tenant-path.ts';
import { Ago } from '../../format/times.tsx';
import { Badge } from '../../parts/badge.tsx';
import { confirm } from '../../parts/confirm.tsx';
import { late } from '../../parts/late.tsx';
import { say, sayProblem } from '../../parts/notices.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { settingsPlace } from '../../places/places.ts';
import { mayChange } from '../../session/session.ts';
import type { DifferenceProps } from './difference.tsx';
import { isSame } from './merge.ts';
import { putConfig } from './use-config.ts';
import { VersionName } from './version-name.tsx';

const Difference = late<DifferenceProps>(async () => (await import('./difference.tsx')).Difference);

export function VersionsSection({ tenant }: { readonly tenant: string }) {
  const versions = useResource<ConfigVersions>(`${configPath(tenant)}/versions`, 'config');
  const present = useResource<ConfigView>(configPath(tenant), 'config');
  const reload = () => {
    versions.reload();
    present.reload();
  };
  return (
    <Loaded resource={versions} lines={6}>
      {({ rows }) =>
        rows.length === 0 ? (
          <Empty title="No version is kept yet">
            The first change of the configuration makes one. The last 50 are kept.
          </Empty>
        ) : (
          <Versions tenant={tenant} rows={rows} present={present.value} reload={reload} />
        )
      }
    </Loaded>
  );
}

interface VersionsProps {
  readonly tenant: string;
  readonly rows: readonly ConfigVersionRow[];
  readonly present: ConfigView | undefined;
  readonly reload: () => void;
}

function Versions({ tenant, rows, present, reload }: VersionsProps) {
  const { query } = useLocation();
  const chosen = rows.findIndex(({ version }) => String(version) === query.version);
  const index = Math.max(0, chosen);
  const row = rows[index];
  return (
    <div class="versions">
      <nav class="card versions-list" aria-label="Versions">
        {rows.map(({ version, at, by }, i) => (
          <a
            key={version}
            href={`${settingsPlace(tenant, 'versions')}?version=${version}`}
            aria-current={i === index ? 'true' : undefined}
          >
            <strong>
              <Ago at={at} />
            </strong>
            {version === present?.version && <Badge tone="blue">present</Badge>}
            <span class="soft cut">{by ?? 'not recorded'}</span>
          </a>
        ))}
      </nav>
      {row && (
        <Version
          key={row.version}
          tenant={tenant}
          row={row}
          before={rows[index + 1]}
          present={present}
          reload={reload}
        />
      )}
    </div>
  );
}

interface VersionProps {
  readonly tenant: string;
  readonly row: ConfigVersionRow;
  readonly before: ConfigVersionRow | undefined;
  readonly present: ConfigView | undefined;
  readonly reload: () => void;
}

function Version({ tenant, row, before, present, reload }: VersionProps) {
  const [busy, setBusy] = useState(false);
  const isPresent = present !== undefined && isSame(present.config, row.config);
  const putBack = async () => {
    if (!present) return;
    const sure = await confirm({
      title: 'Put this version back?',
      body: <Difference label="What changes" before={present.config} after={row.config} />,
      action: 'Put it back',
    });
    if (!sure) return;
    setBusy(true);
    const body = { config: row.config, undoes: row.version };
    const answer = await putConfig(tenant, body, present.version);
    setBusy(false);
    reload();
    if (answer.ok) say('The version is put back. What was there before is a version too.');
    else sayProblem(answer.problem);
  };
  return (
    <section class="card" aria-labelledby="version-head">
      <div class="card-head">
        <h2 id="version-head">{before ? 'What it changed' : 'As it began'}</h2>
        <span class="faint">
          <VersionName version={row.version} />
        </span>
        <span class="bar-space" />
        {mayChange.value && !isPresent && (
          <button
            type="button"
            class="button"
            disabled={busy || !present}
            onClick={() => void putBack()}
          >
            Put it back
          </button>
        )}
      </div>
      <div class="card-body settings-stack">
        <Difference
          label="What this version changed"
          before={before?.config ?? {}}
          after={row.config}
        />
        {present && !isPresent && before && (
          <>
            <h3>From this version to the present one</h3>
            <Difference
              label="From this version to the present one"
              before={row.config}
              after={present.config}
            />
          </>
        )}
      </div>
    </section>
  );
}
