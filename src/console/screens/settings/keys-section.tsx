/** API keys: made, shown once, limited and revoked. */
import { useMemo, useState } from 'preact/hooks';
import type { KeyRow, KeysView, NewKey } from '../../../protocol/console/settings.ts';
import { useResource } from '../../ask/resource.ts';
import { tenantPath } from '../../ask/tenant-path.ts';
import { counted, whole } from '../../format/quantity.ts';
import { confirm } from '../../parts/confirm.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Icon } from '../../parts/icons.tsx';
import { useNarrow } from '../../parts/narrow.ts';
import { say, sayProblem } from '../../parts/notices.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { type Column, VirtualTable } from '../../parts/virtual-table.tsx';
import { askAs, mayChange } from '../../session/session.ts';
import { KeyLimits, type LimitsOf } from './key-limits.tsx';

export function KeysSection({ tenant }: { readonly tenant: string }) {
  const keys = useResource<KeysView>(tenantPath(tenant, 'keys'), 'config');
  const [form, setForm] = useState<LimitsOf | null>(null);
  const [made, setMade] = useState<NewKey | null>(null);
  const narrow = useNarrow();
  const { reload } = keys;
  const columns = useMemo(() => {
    const revoke = async (row: KeyRow) => {
      if (!(await confirm(revokeQuestion(row)))) return;
      const answer = await askAs(tenantPath(tenant, 'keys', row.id), { method: 'DELETE' });
      reload();
      if (answer.ok) say(`The key ${row.id} is revoked.`);
      else sayProblem(answer.problem);
    };
    return columnsOf(narrow, mayChange.value, setForm, (row) => void revoke(row));
  }, [narrow, mayChange.value, tenant, reload]);
  return (
    <>
      {made && <Made made={made} close={() => setMade(null)} />}
      {form && (
        <KeyLimits
          key={form.id ?? ''}
          tenant={tenant}
          of={form}
          close={() => setForm(null)}
          done={(key) => {
            setForm(null);
            if (key) setMade(key);
            keys.reload();
          }}
        />
      )}
      <Loaded resource={keys} lines={6}>
        {({ rows }) => (
          <section class="card" aria-labelledby="keys-head">
            <div class="card-head">
              <h2 id="keys-head">API keys</h2>
              <span class="faint">{counted(rows.length, 'key')}</span>
              <span class="bar-space" />
              {mayChange.value ? (
                <button
                  type="button"
                  class="button"
                  data-kind="main"
                  onClick={() => setForm({ id: null, requests: null, tokens: null })}
                >
                  <Icon name="plus" />
                  New key
                </button>
              ) : (
                <span class="soft">Read only: changes need the admin token.</span>
              )}
            </div>
            {rows.length === 0 ? (
              <Empty title="There is no key yet">Clients call with a key of their tenant.</Empty>
            ) : (
              <VirtualTable
                label="API keys"
                columns={columns}
                rows={rows}
                rowKey={({ id }) => id}
                rowPx={narrow ? 92 : 48}
                mostPx={620}
              />
            )}
          </section>
        )}
      </Loaded>
    </>
  );
}

/** The only time at which a key is shown. It is in this part of the page, and nowhere else. */
function Made({ made, close }: { readonly made: NewKey; readonly close: () => void }) {
  return (
    <section class="card" aria-labelledby="made-head">
      <div class="card-head">
        <h2 id="made-head">The key {made.id}</h2>
        <span class="bar-space" />
        <CopyButton text={() => made.key}>Copy</CopyButton>
        <button type="button" class="button" onClick={close}>
          I have it
        </button>
      </div>
      <div class="card-body settings-stack" role="status">
        <pre class="settings-key">{made.key}</pre>
        <p class="soft">
          It is shown this once: the service keeps only its hash. Other places may refuse it for up
          to a minute.
        </p>
      </div>
    </section>
  );
}

function revokeQuestion({ id, openRuns, waitingCalls }: KeyRow) {
  return {
    title: `Revoke the key ${id}?`,
    body: `Its calls are refused from now on. It has ${counted(openRuns, 'open run')} and ${counted(waitingCalls, 'waiting call')}. This cannot be undone.`,
    action: 'Revoke it',
    danger: true,
  };
}

function columnsOf(
  narrow: boolean,
  canChange: boolean,
  edit: (of: LimitsOf) => void,
  revoke: (row: KeyRow) => void,
): ReadonlyArray<Column<KeyRow>> {
  const actions: Column<KeyRow> = {
    id: 'actions',
    head: '',
    track: narrow ? '92px' : '176px',
    align: 'end',
    cell: (row) => (
      <span class="row-actions">
        <button
          type="button"
          class="button"
          aria-label={`Limits of ${row.id}`}
          onClick={() =>
            edit({ id: row.id, requests: row.requestsPerMinute, tokens: row.tokensPerMinute })
          }
        >
          Limits
        </button>
        <button
          type="button"
          class="button"
          data-kind="danger"
          aria-label={`Revoke ${row.id}`}
          onClick={() => revoke(row)}
        >
          Revoke
        </button>
      </span>
    ),
  };
  return [
    {
      id: 'id',
      head: 'Key',
      track: 'minmax(0, 1.4fr)',
      cell: (row) => (
        <>
          <span class="mono">{row.id}</span>
          {narrow && <span class="second">{counted(row.openRuns, 'open run')}</span>}
          {narrow && <span class="second">limits: {limitsText(row)}</span>}
        </>
      ),
    },
    {
      id: 'limits',
      head: 'Limits a minute',
      track: 'minmax(0, 1.6fr)',
      wideOnly: true,
      cell: limitsText,
    },
    {
      id: 'apps',
      head: 'Applications',
      track: 'minmax(0, 1.2fr)',
      wideOnly: true,
      cell: ({ apps }) => (apps === null ? <span class="soft">any</span> : apps.join(', ')),
    },
    {
      id: 'open',
      head: 'Open runs',
      track: '84px',
      align: 'end',
      wideOnly: true,
      cell: ({ openRuns }) => whole(openRuns),
    },
    {
      id: 'waiting',
      head: 'Waiting calls',
      track: '96px',
      align: 'end',
      wideOnly: true,
      cell: ({ waitingCalls }) => whole(waitingCalls),
    },
    ...(canChange ? [actions] : []),
  ];
}

function limitsText({ requestsPerMinute, tokensPerMinute }: KeyRow): string {
  const parts = [
    requestsPerMinute === null ? [] : `${whole(requestsPerMinute)} requests`,
    tokensPerMinute === null ? [] : `${whole(tokensPerMinute)} tokens`,
  ].flat();
  return parts.length === 0 ? 'those of the tenant' : parts.join(', ');
}
