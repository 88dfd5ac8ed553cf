/** ⌘K: jumps to a screen, a tenant, an application or a run, or looks a text up among the runs. */
import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { ApplicationsPage } from '../../protocol/console/applications.ts';
import { useResource } from '../ask/resource.ts';
import { nowView } from '../live/live.ts';
import { signedIn } from '../session/session.ts';
import { type Jump, jumpsFor } from './jumps.ts';

export const paletteOpen = signal(false);

/** Stands once in the page; opens with ⌘K or Ctrl+K. */
export function Palette({ tenant }: { readonly tenant: string | null }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = paletteOpen.value;
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      paletteOpen.value = !paletteOpen.value;
    };
    addEventListener('keydown', key);
    return () => removeEventListener('keydown', key);
  }, []);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      class="palette"
      aria-label="Jump to"
      onClose={() => {
        paletteOpen.value = false;
      }}
      // The browser closes it on Escape and on a click beside it.
      closedby="any"
    >
      {open && <Jumps tenant={tenant} />}
    </dialog>
  );
}

function Jumps({ tenant }: { readonly tenant: string | null }) {
  const { route } = useLocation();
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const applications = useResource<ApplicationsPage>(
    tenant === null ? null : `tenants/${encodeURIComponent(tenant)}/applications`,
  );
  const found = jumpsFor(text, {
    tenant,
    tenants: signedIn.value?.tenants ?? [],
    applications: applications.value?.rows ?? [],
    now: nowView.value,
  });
  const at = Math.min(chosen, found.length - 1);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  const go = (jump: Jump | undefined) => {
    if (!jump) return;
    paletteOpen.value = false;
    route(jump.place);
  };
  const key = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (event.key === 'Enter') go(found[at]);
    else if (step !== 0) setChosen((at + step + found.length) % Math.max(1, found.length));
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        class="input"
        role="combobox"
        aria-label="Jump to a screen, an application, a run or a call"
        aria-expanded="true"
        aria-controls="jumps"
        aria-activedescendant={found.length > 0 ? `jump-${at}` : undefined}
        placeholder="Screen, application, run, call or request id"
        autofocus
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={key}
      />
      <ul id="jumps" role="listbox" aria-label="Places" ref={list}>
        {found.map((jump, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the focus and the keys.
          <li
            key={jump.place}
            id={`jump-${i}`}
            role="option"
            aria-selected={i === at}
            onClick={() => go(jump)}
            onMouseMove={() => setChosen(i)}
          >
            <span class="cut">{jump.name}</span>
            <span class="faint">{jump.kind}</span>
          </li>
        ))}
        {found.length === 0 && (
          <li aria-selected="false" role="option">
            Nothing has this name.
          </li>
        )}
      </ul>
    </>
  );
}
