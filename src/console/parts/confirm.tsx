/**
 * Asks before something is done that costs money or cannot be undone. One dialog for the page, by
 * the browser's own element, which keeps the focus and closes with Escape.
 */
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

export interface Question {
  readonly title: string;
  readonly body: ComponentChildren;
  /** What the button that goes on says: a verb. */
  readonly action: string;
  readonly danger?: boolean;
}

const asked = signal<{ question: Question; answer(yes: boolean): void } | null>(null);

/** Resolves to whether to go on. A question that is open is answered with no. */
export function confirm(question: Question): Promise<boolean> {
  asked.value?.answer(false);
  return new Promise((resolve) => {
    asked.value = {
      question,
      answer: (yes) => {
        asked.value = null;
        resolve(yes);
      },
    };
  });
}

/** Stands once in the page. */
export function ConfirmDialog() {
  const current = asked.value;
  const dialog = useRef<HTMLDialogElement>(null);
  // At once: a key that comes before the next drawing is the question's already.
  useLayoutEffect(() => {
    if (current) dialog.current?.showModal();
    else dialog.current?.close();
  }, [current]);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="question"
      onClose={() => {
        // Told later than it happens: the next question may be open.
        if (!dialog.current?.open) asked.value?.answer(false);
      }}
    >
      {current && (
        <div class="dialog-body">
          <h2 id="question">{current.question.title}</h2>
          <div>{current.question.body}</div>
          <div class="dialog-actions">
            <button type="button" class="button" onClick={() => current.answer(false)}>
              Cancel
            </button>
            <button
              type="button"
              class="button"
              data-kind={current.question.danger ? 'danger' : 'main'}
              onClick={() => current.answer(true)}
            >
              {current.question.action}
            </button>
          </div>
        </div>
      )}
    </dialog>
  );
}
