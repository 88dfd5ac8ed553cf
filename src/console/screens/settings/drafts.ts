/**
 * Edits that are not saved yet, by tenant. They outlive a change of the screen and a token that is
 * refused in the middle, but not a sign-out, and are stored nowhere: they may have an endpoint's key.
 */
import { signal } from '@preact/signals';
import type { ConfigView } from '../../../protocol/console/settings.ts';
import { session } from '../../session/session.ts';

export interface Draft {
  /** What it began with. */
  readonly base: ConfigView;
  readonly text: string;
}

const drafts = signal<ReadonlyMap<string, Draft>>(new Map());

session.subscribe((state) => {
  if (state.kind === 'signed-out' && state.refused === null) drafts.value = new Map();
});

/** The page asks before it is closed with edits that are not saved. */
globalThis.addEventListener?.('beforeunload', (event) => {
  if (drafts.value.size > 0) event.preventDefault();
});

export function draftOf(tenant: string): Draft | null {
  return drafts.value.get(tenant) ?? null;
}

export function setDraft(tenant: string, draft: Draft | null): void {
  const next = new Map(drafts.value);
  if (draft === null) next.delete(tenant);
  else next.set(tenant, draft);
  drafts.value = next;
}
