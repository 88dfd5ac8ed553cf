/**
 * Who is signed in, for the whole page: the token, and what the Worker says of it. A token that is
 * refused later, in the middle, leads back to the sign-in form at the same address.
 */
import { computed, signal } from '@preact/signals';
import {
  CONSOLE_CONTRACT,
  contractProblem,
  type SessionView,
} from '../../protocol/console/session.ts';
import { type Answer, type Ask, ask } from '../ask/ask.ts';
import type { Problem } from '../ask/problem.ts';
import { begunToken, forgetBegun } from '../begin/begun.ts';
import { sessionPath } from '../begin/first-paths.ts';
import { heardServerTime } from '../format/clock.ts';
import { forgetToken, keepToken, takeToken } from './token.ts';

export type SessionState =
  /** `refused`: the reason why an earlier token is not valid. */
  | { readonly kind: 'signed-out'; readonly refused: Problem | null }
  | { readonly kind: 'signing-in' }
  | { readonly kind: 'unreachable'; readonly problem: Problem }
  | { readonly kind: 'signed-in'; readonly view: SessionView };

export const session = signal<SessionState>({ kind: 'signed-out', refused: null });

/** Null when nobody is signed in. */
export const signedIn = computed(() =>
  session.value.kind === 'signed-in' ? session.value.view : null,
);

/** The tenant of who may look at one only; null for others, and when nobody is signed in. */
export const onlyTenant = computed(() => {
  const view = signedIn.value;
  const [only] = view?.after === undefined && view?.tenants.length === 1 ? view.tenants : [];
  return only ?? null;
});

/** Whether the caller may change things: the admin token may, a tenant's key reads only. */
export const mayChange = computed(() => signedIn.value?.role === 'admin');

/** What is wrong between the versions of page and Worker; null for nothing. */
export const versionProblem = computed(() => {
  const view = signedIn.value;
  return view === null ? null : contractProblem(CONSOLE_CONTRACT, view.contract);
});

let token: string | null = null;

/** The token for what is no plain request, such as the stream; '' when nobody is signed in. */
export function currentToken(): string {
  return token ?? '';
}

/** Begins with the token of the address or of the tab's storage, if there is one. */
export async function startSession(): Promise<void> {
  const begun = begunToken();
  token = begun === undefined ? takeToken(window) : begun;
  if (token !== null) await openSession(sessionPath(location));
}

export async function signIn(given: string): Promise<void> {
  token = given;
  await openSession();
  if (session.value.kind === 'signed-in') keepToken(window, given);
}

export function signOut(refused: Problem | null = null): void {
  token = null;
  forgetToken(window);
  forgetBegun();
  session.value = { kind: 'signed-out', refused };
}

/** Asks again who is signed in, also after the Worker could not be reached. */
export async function openSession(path = 'session'): Promise<void> {
  if (session.value.kind !== 'signed-in') session.value = { kind: 'signing-in' };
  const answer = await askAs<SessionView>(path);
  if (answer.ok) {
    heardServerTime(answer.value.now, answer.askedAt);
    session.value = { kind: 'signed-in', view: answer.value };
    return;
  }
  // A refused token is signed out already.
  if (answer.problem.kind === 'unauthorized') return;
  if (session.value.kind !== 'signed-in') {
    session.value = { kind: 'unreachable', problem: answer.problem };
  }
}

/** The next page of tenants; they are added to the session's. */
export async function moreTenants(): Promise<void> {
  const view = signedIn.value;
  if (view?.after === undefined) return;
  const answer = await askAs<SessionView>(`session?after=${encodeURIComponent(view.after)}`);
  if (!answer.ok) return;
  const tenants = [...view.tenants, ...answer.value.tenants];
  session.value = { kind: 'signed-in', view: { ...answer.value, tenants } };
}

/** A request with the session's token. A token that is refused signs out. */
export async function askAs<T>(path: string, options: Omit<Ask, 'token'> = {}): Promise<Answer<T>> {
  const asked = currentToken();
  const answer = await ask<T>(path, { ...options, token: asked });
  // Another token may have been given meanwhile.
  if (!answer.ok && answer.problem.kind === 'unauthorized' && asked === currentToken()) {
    signOut(answer.problem);
  }
  return answer;
}
