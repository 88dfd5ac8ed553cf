/** ⌘K: jumps to a screen, a tenant, an application or a run, or looks a text up among the runs. */
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { ApplicationsPage } from '../../protocol/console/applications.ts';
import { useResource } from '../ask/resource.ts';
import { tenantPath } from '../ask/tenant-path.ts';
import { nowView, watch } from '../live/live.ts';
import { signedIn } from '../session/session.ts';
import { type Jump, jumpsFor } from './jumps.ts';

/** The one palette of the page; null while none is drawn. */
let dialog: HTMLDialogElement | null = null;
/** Whether it is open; follows the dialog, which is opened and closed by the browser as well. */
const open = signal(false);
/** What is in its field, and the place that is chosen. */
const text = signal('');
const chosen = signal(0);

/**
 * Opens it, at once: its field takes the keys that follow, however long the list takes to be drawn.
 * A field that came with the next drawing would lose what a fast hand types in between. It is emptied
 * here: that it was closed may be told only after it is open again.
 */
export function openPalette(): void {
  if (!dialog || dialog.open) return;
  const field = dialog.querySelector('input');
  if (field) field.value = '';
  text.value = '';
  chosen.value = 0;
  dialog.showModal();
  open.value = true;
}

/** Stands once in the page; opens with ⌘K or Ctrl+K. */
export function Palette({ tenant }: { readonly tenant: string | null }) {
  const { route } = useLocation();
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    addEventListener('keydown', toggle);
    return () => removeEventListener('keydown', toggle);
  }, []);
  // The runs of the present are offered, so they are followed while it is open.
  const isOpen = open.value;
  useEffect(() => (isOpen ? watch('now') : undefined), [isOpen]);
  const applications = useResource<ApplicationsPage>(
    tenant === null || !open.value ? null : tenantPath(tenant, 'applications'),
  );
  const foundFor = (wanted: string) =>
    jumpsFor(wanted, {
      tenant,
      tenants: signedIn.value?.tenants ?? [],
      applications: applications.value?.rows ?? [],
      now: nowView.value,
    });
  const drawn = text.value;
  const found = open.value ? foundFor(drawn) : [];
  const at = Math.min(chosen.value, found.length - 1);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  const go = (jump: Jump | undefined) => {
    if (!jump) return;
    dialog?.close();
    route(jump.place);
  };
  const key = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    // A text that was typed last is in the field before it is drawn, and its first place is meant.
    const typed = field.current?.value ?? '';
    if (event.key === 'Enter') go(typed === drawn ? found[at] : foundFor(typed)[0]);
    else if (step !== 0) chosen.value = (at + step + found.length) % Math.max(1, found.length);
    else return;
    event.preventDefault();
  };
  return (
    <dialog
      ref={(element) => {
        dialog = element;
      }}
      class="palette"
      aria-label="Jump to"
      onClose={() => {
        // Told later than it happens: it may be open again.
        open.value = dialog?.open ?? false;
      }}
      // The browser closes it on Escape and on a click beside it.
      closedby="any"
    >
      <input
        ref={field}
        class="input"
        role="combobox"
        aria-label="Jump to a screen, an application, a run or a call"
        aria-expanded="true"
        aria-controls="jumps"
        aria-activedescendant={found.length > 0 ? `jump-${at}` : undefined}
        placeholder="Screen, application, run, call or request id"
        autofocus
        onInput={(event) => {
          text.value = event.currentTarget.value;
          chosen.value = 0;
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
            onMouseMove={() => {
              chosen.value = i;
            }}
          >
            <span class="cut">{jump.name}</span>
            <span class="faint">{jump.kind}</span>
          </li>
        ))}
        {open.value && found.length === 0 && (
          <li aria-selected="false" role="option">
            Nothing has this name.
          </li>
        )}
      </ul>
    </dialog>
  );
}

function toggle(event: KeyboardEvent): void {
  if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return;
  event.preventDefault();
  if (dialog?.open) dialog.close();
  else openPalette();
}
