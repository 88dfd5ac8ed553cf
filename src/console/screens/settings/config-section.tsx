/** The configuration: edited as text, compared, saved. Another's change meanwhile costs no edit. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { ConfigSchema, ConfigView } from '../../../protocol/console/settings.ts';
import { useResource } from '../../ask/resource.ts';
import { configPath } from '../../ask/tenant-path.ts';
import { counted } from '../../format/quantity.ts';
import { confirm } from '../../parts/confirm.tsx';
import { late } from '../../parts/late.tsx';
import { say } from '../../parts/notices.tsx';
import { Banner, Loaded } from '../../parts/states.tsx';
import { mayChange } from '../../session/session.ts';
import { ConfigEditor } from './config-editor.tsx';
import { type Config, textOf } from './config-text.ts';
import type { DifferenceProps } from './difference.tsx';
import { type Editing, useEditing, useSchema } from './use-config.ts';
import { VersionName } from './version-name.tsx';

const Difference = late<DifferenceProps>(async () => (await import('./difference.tsx')).Difference);

export function ConfigSection({ tenant }: { readonly tenant: string }) {
  const view = useResource<ConfigView>(configPath(tenant), 'config');
  const schema = useSchema(tenant);
  return (
    <Loaded resource={view} lines={12}>
      {(value) => <Configuration tenant={tenant} view={value} schema={schema.value} />}
    </Loaded>
  );
}

interface ConfigurationProps {
  readonly tenant: string;
  readonly view: ConfigView;
  readonly schema: ConfigSchema | undefined;
}

function Configuration({ tenant, view, schema }: ConfigurationProps) {
  const editing = useEditing(tenant, view, schema);
  const [reviewed, setReviewed] = useState<Config | null>(null);
  const { current, draft, problems } = editing;
  if (!mayChange.value) {
    return (
      <section class="card" aria-labelledby="config-head">
        <Head current={current} isEdited={false}>
          <span class="soft">Read only: changes need the admin token.</span>
        </Head>
        <ConfigEditor text={textOf(current.config)} onText={null} problems={[]} schema={schema} />
      </section>
    );
  }
  const review = () => {
    const read = editing.read();
    if (read.ok) setReviewed(read.config);
    else say('This is not valid JSON yet. Correct what is named above the text.', 'bad');
  };
  const drop = async () => {
    const sure = await confirm({
      title: 'Drop your edits?',
      body: 'The text is as it is saved again. Your edits are kept nowhere.',
      action: 'Drop them',
      danger: true,
    });
    if (!sure) return;
    setReviewed(null);
    editing.drop();
  };
  if (draft && editing.isBehind) {
    return <Behind editing={editing} drop={() => void drop()} merged={setReviewed} />;
  }
  if (draft && reviewed) {
    return <Review editing={editing} config={reviewed} back={() => setReviewed(null)} />;
  }
  return (
    <section class="card" aria-labelledby="config-head">
      <Head current={current} isEdited={draft !== null}>
        {draft && (
          <button type="button" class="button" onClick={() => void drop()}>
            Drop edits
          </button>
        )}
        <button type="button" class="button" onClick={() => tidy(editing)}>
          Tidy
        </button>
        <button
          type="button"
          class="button"
          data-kind="main"
          disabled={draft === null}
          onClick={review}
        >
          Review and save
        </button>
      </Head>
      <ConfigEditor text={editing.text} onText={editing.edit} problems={problems} schema={schema} />
    </section>
  );
}

interface HeadProps {
  readonly current: ConfigView;
  readonly isEdited: boolean;
  readonly children: ComponentChildren;
}

function Head({ current, isEdited, children }: HeadProps) {
  return (
    <div class="card-head">
      <h2 id="config-head">Configuration</h2>
      <span class="faint">
        <VersionName version={current.version} />
        {isEdited && ' · edited, not saved'}
      </span>
      <span class="bar-space" />
      {children}
    </div>
  );
}

interface ReviewProps {
  readonly editing: Editing;
  readonly config: Config;
  readonly back: () => void;
}

/** The difference, before anything is saved. */
function Review({ editing, config, back }: ReviewProps) {
  const { current, clashes, problems, isSaving } = editing;
  const save = async () => {
    await editing.save(config);
    back();
  };
  return (
    <section class="card" aria-labelledby="config-head">
      <div class="card-head">
        <h2 id="config-head">What is changed when you save</h2>
        <span class="bar-space" />
        <button type="button" class="button" onClick={back} disabled={isSaving}>
          Back to the text
        </button>
        <button
          type="button"
          class="button"
          data-kind="main"
          disabled={isSaving}
          onClick={() => void save()}
        >
          {isSaving ? 'Saving…' : 'Save'}
        </button>
      </div>
      <div class="card-body settings-stack">
        {clashes.length > 0 && (
          <Banner>
            Both of you changed {clashes.map((path) => path || 'the whole').join(', ')}: what you
            wrote stands.
          </Banner>
        )}
        {problems.length > 0 && (
          <Banner>
            {counted(problems.length, 'field is', 'fields are')} not as the schema says; the service
            will refuse this.
          </Banner>
        )}
        <Difference label="Your changes" before={current.config} after={config} />
      </div>
    </section>
  );
}

interface BehindProps {
  readonly editing: Editing;
  readonly drop: () => void;
  readonly merged: (config: Config | null) => void;
}

/** Somebody else has saved since the edits were begun. */
function Behind({ editing, drop, merged }: BehindProps) {
  const { draft, current } = editing;
  if (!draft) return null;
  const rebase = () => {
    merged(null);
    if (!editing.rebase()) say('Your text is not valid JSON, so it cannot be merged.', 'bad');
    else say('Your edits are on the newest version now. Review them, and save.');
  };
  return (
    <section class="card" aria-labelledby="config-head">
      <div class="card-head">
        <h2 id="config-head">Somebody else changed it meanwhile</h2>
        <span class="bar-space" />
        <button type="button" class="button" data-kind="danger" onClick={drop}>
          Drop my edits
        </button>
        <button type="button" class="button" data-kind="main" onClick={rebase}>
          Bring my edits onto it
        </button>
      </div>
      <div class="card-body settings-stack">
        <p>
          Your edits are kept. They began with <VersionName version={draft.base.version} />; the
          service has <VersionName version={current.version} />. This is what was changed meanwhile:
        </p>
        <Difference
          label="Changes of somebody else"
          before={draft.base.config}
          after={current.config}
        />
        <details>
          <summary>Your text</summary>
          <pre class="settings-kept">{draft.text}</pre>
        </details>
      </div>
    </section>
  );
}

function tidy(editing: Editing): void {
  const read = editing.read();
  if (read.ok) editing.edit(textOf(read.config));
  else say('This is not valid JSON yet, so it cannot be laid out.', 'bad');
}
