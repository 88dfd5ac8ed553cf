/** The door: a form for the token, with the reason when an earlier one is not valid any more. */
import { useState } from 'preact/hooks';
import { wordsOf } from '../ask/problem.ts';
import { Icon } from '../parts/icons.tsx';
import { Banner } from '../parts/states.tsx';
import { session, signIn } from '../session/session.ts';

export function SignIn() {
  const [token, setToken] = useState('');
  const state = session.value;
  const refused = state.kind === 'signed-out' ? state.refused : null;
  const submit = (event: Event) => {
    event.preventDefault();
    if (token.trim() !== '') void signIn(token.trim());
  };
  return (
    <div class="door">
      <main>
        <div class="brand">
          <Icon name="brand" />
          <h1>Talaria</h1>
        </div>
        {refused && (
          <Banner tone="bad">
            {wordsOf(refused).title}. {refused.message}
          </Banner>
        )}
        <form class="card" onSubmit={submit}>
          <div class="dialog-body">
            <label class="field">
              <span>Admin token or a tenant's API key</span>
              <input
                class="input mono"
                type="password"
                name="token"
                autocomplete="current-password"
                autofocus
                required
                value={token}
                onInput={(event) => setToken(event.currentTarget.value)}
              />
            </label>
            <p class="soft">
              The admin token shows all tenants and may change things. A tenant's key shows its own
              tenant and changes nothing. It is kept in this tab until you close it.
            </p>
            <button type="submit" class="button" data-kind="main">
              Sign in
            </button>
          </div>
        </form>
      </main>
    </div>
  );
}
