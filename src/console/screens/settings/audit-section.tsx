/** Who changed what and when, the newest first. The administrator's to read. */
import { useMemo, useState } from 'preact/hooks';
import type { AuditPage, AuditRow } from '../../../protocol/console/settings.ts';
import { usePages } from '../../ask/pages.ts';
import { tenantPath } from '../../ask/tenant-path.ts';
import { absolute } from '../../format/duration.ts';
import { counted } from '../../format/quantity.ts';
import { Ago } from '../../format/times.tsx';
import { useNarrow } from '../../parts/narrow.ts';
import { Empty, Loaded } from '../../parts/states.tsx';
import { type Column, VirtualTable } from '../../parts/virtual-table.tsx';
import { mayChange } from '../../session/session.ts';

const ACTIONS: Readonly<Record<AuditRow['action'], string>> = {
  'config-put': 'changed the configuration',
  'config-undone': 'put back a version',
  'weight-set': 'set a weight',
  'key-made': 'made a key',
  'key-limits': 'limited a key',
  'key-revoked': 'revoked a key',
  'tenant-deleted': 'deleted the tenant',
  'runs-imported': 'imported runs',
  'endpoint-wake': 'woke an endpoint',
  'endpoint-release': 'let an endpoint go',
  'endpoint-pause': 'paused an endpoint',
  'endpoint-resume': 'resumed an endpoint',
};

export function AuditSection({ tenant }: { readonly tenant: string }) {
  if (!mayChange.value) {
    return (
      <Empty title="The audit log is the administrator’s">
        It names who holds which token. Sign in with the admin token to read it.
      </Empty>
    );
  }
  return <Audit tenant={tenant} />;
}

function Audit({ tenant }: { readonly tenant: string }) {
  const path = tenantPath(tenant, 'audit');
  const { first, rows, isWhole, more } = usePages<AuditRow, AuditPage>(path, keyOf, 'audit');
  const [chosen, setChosen] = useState<AuditRow | null>(null);
  const narrow = useNarrow();
  const columns = useMemo(() => columnsOf(narrow, setChosen), [narrow]);
  return (
    <Loaded resource={first} lines={8}>
      {() =>
        rows.length === 0 ? (
          <Empty title="Nothing was changed yet">
            Changes of the configuration, of keys and weights, and orders to endpoints are listed
            here.
          </Empty>
        ) : (
          <>
            {chosen && <Entry row={chosen} close={() => setChosen(null)} />}
            <section class="card" aria-labelledby="audit-head">
              <div class="card-head">
                <h2 id="audit-head">Audit log</h2>
                <span class="faint">
                  {counted(rows.length, 'entry', 'entries')}
                  {isWhole ? '' : ' loaded, older ones as you scroll'}
                </span>
              </div>
              <VirtualTable
                label="Audit log"
                columns={columns}
                rows={rows}
                rowKey={keyOf}
                rowPx={narrow ? 64 : 44}
                mostPx={620}
                onEnd={more}
              />
            </section>
          </>
        )
      }
    </Loaded>
  );
}

/** All that an entry says. */
function Entry({ row, close }: { readonly row: AuditRow; readonly close: () => void }) {
  return (
    <section class="card" aria-labelledby="entry-head">
      <div class="card-head">
        <h2 id="entry-head">
          {row.by} {ACTIONS[row.action] ?? row.action}
        </h2>
        {row.target !== '' && <code>{row.target}</code>}
        <span class="faint">{absolute(row.at)}</span>
        <span class="bar-space" />
        <button type="button" class="button" onClick={close}>
          Close
        </button>
      </div>
      <div class="card-body">
        {row.changes.length === 0 ? (
          <p class="soft">No field was changed.</p>
        ) : (
          <dl class="facts">
            {row.changes.map(({ path, before, after }) => (
              <div key={path}>
                <dt class="mono">{path}</dt>
                <dd>
                  <Values before={before} after={after} />
                </dd>
              </div>
            ))}
          </dl>
        )}
      </div>
    </section>
  );
}

function Values({
  before,
  after,
}: {
  readonly before: string | null;
  readonly after: string | null;
}) {
  return (
    <>
      <code>{before ?? 'absent'}</code> → <code>{after ?? 'absent'}</code>
    </>
  );
}

function keyOf({ at, by, action, target }: AuditRow): string {
  return JSON.stringify([at, by, action, target]);
}

function columnsOf(
  narrow: boolean,
  choose: (row: AuditRow) => void,
): ReadonlyArray<Column<AuditRow>> {
  return [
    {
      id: 'at',
      head: 'When',
      track: narrow ? '72px' : '100px',
      cell: ({ at }) => <Ago at={at} />,
    },
    {
      id: 'by',
      head: 'Who',
      track: 'minmax(80px, 0.6fr)',
      wideOnly: true,
      cell: ({ by }) => by,
    },
    {
      id: 'action',
      head: 'What',
      track: 'minmax(0, 1.2fr)',
      cell: (row) => (
        <>
          <button type="button" class="row-button" onClick={() => choose(row)}>
            {ACTIONS[row.action] ?? row.action}
          </button>
          {narrow && (
            <span class="second">
              {row.by} {row.target}
            </span>
          )}
        </>
      ),
    },
    {
      id: 'target',
      head: 'To what',
      track: 'minmax(0, 1fr)',
      wideOnly: true,
      cell: ({ target }) => target,
    },
    {
      id: 'changes',
      head: 'Fields',
      track: 'minmax(0, 2fr)',
      wideOnly: true,
      cell: ({ changes: [one, ...others] }) =>
        one && (
          <>
            {one.path}: <Values before={one.before} after={one.after} />
            {others.length > 0 && <span class="faint"> and {others.length} more</span>}
          </>
        ),
    },
  ];
}
