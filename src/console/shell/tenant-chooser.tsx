/** Chooses a tenant, where the caller may look at more than one. */
import { useState } from 'preact/hooks';
import type { SessionView } from '../../protocol/console/session.ts';
import { counted } from '../format/quantity.ts';
import { Empty } from '../parts/states.tsx';
import { screenPlace } from '../places/places.ts';
import { moreTenants } from '../session/session.ts';

/** Names that are drawn; the field finds the others. */
const SHOWN = 200;

export function TenantChooser({ view }: { readonly view: SessionView }) {
  const [text, setText] = useState('');
  const found = view.tenants.filter((name) => name.toLowerCase().includes(text.toLowerCase()));
  if (view.tenants.length === 0) {
    return (
      <Empty title="There is no tenant yet">
        Create one with <code>PUT /admin/tenants/NAME</code>, and reload the page.
      </Empty>
    );
  }
  return (
    <>
      <h1>Choose a tenant</h1>
      <label class="field">
        <span>Name</span>
        <input
          class="input"
          type="search"
          value={text}
          autofocus
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <ul class="tenants card">
        {found.slice(0, SHOWN).map((name) => (
          <li key={name}>
            <a href={screenPlace(name, 'now')}>{name}</a>
          </li>
        ))}
      </ul>
      <p class="soft" aria-live="polite">
        {counted(found.length, 'tenant')}
        {found.length > SHOWN && `, ${SHOWN} shown`}
      </p>
      {view.after !== undefined && (
        <button type="button" class="button" onClick={() => void moreTenants()}>
          Load more names
        </button>
      )}
    </>
  );
}
