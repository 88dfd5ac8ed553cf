/**
 * Text that a row has no room for: cut there, and shown in full where it is pressed. One dialog for
 * the page, by the browser's own element.
 */
import { signal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';

interface Shown {
  readonly title: string;
  readonly lines: readonly string[];
}

const shown = signal<Shown | null>(null);

export interface CutTextProps {
  /** What the text is, as the dialog's heading. */
  readonly title: string;
  readonly text: string;
  /** Its parts, each a line of the dialog. */
  readonly lines?: readonly string[];
}

export function CutText({ title, text, lines = [text] }: CutTextProps) {
  return (
    <button
      type="button"
      class="cut-text"
      title={text}
      onClick={() => {
        shown.value = { title, lines };
      }}
    >
      <span>{text}</span>
    </button>
  );
}

/** Stands once in the page. */
export function FullText() {
  const current = shown.value;
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    if (current) dialog.current?.showModal();
    else dialog.current?.close();
  }, [current]);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="full-text"
      onClose={() => {
        // Told later than it happens: the next text may be open.
        if (!dialog.current?.open) shown.value = null;
      }}
      // The browser closes it on Escape and on a click beside it.
      closedby="any"
    >
      {current && (
        <div class="dialog-body">
          <h2 id="full-text">{current.title}</h2>
          <ul class="full-text">
            {current.lines.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
          <div class="dialog-actions">
            <button type="button" class="button" onClick={() => dialog.current?.close()}>
              Close
            </button>
          </div>
        </div>
      )}
    </dialog>
  );
}
