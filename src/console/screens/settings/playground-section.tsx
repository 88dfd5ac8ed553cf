/** The playground: one call, sent as an application sends it, and what the service says of it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ConfigView, NewKey } from '../../../protocol/console/settings.ts';
import { useResource } from '../../ask/resource.ts';
import { configPath, tenantPath } from '../../ask/tenant-path.ts';
import { confirm } from '../../parts/confirm.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Icon } from '../../parts/icons.tsx';
import { say, sayProblem } from '../../parts/notices.tsx';
import { askAs, mayChange } from '../../session/session.ts';
import { callCurl } from '../runs/curl.ts';
import { Answered } from './play-answer.tsx';
import { type Played, type PlayOrder, playCall, wrongFields } from './play-call.ts';
import { PlayField } from './play-field.tsx';

const FIRST: PlayOrder = {
  key: '',
  model: '',
  app: 'playground',
  run: '',
  unit: 'ask',
  final: true,
  prompt: 'Say hello in five words.',
  maxTokens: 64,
};

export function PlaygroundSection({ tenant }: { readonly tenant: string }) {
  const config = useResource<ConfigView>(configPath(tenant));
  const models = modelsOf(config.value);
  const [order, setOrder] = useState<PlayOrder>(() => ({ ...FIRST, run: newRun() }));
  const [touched, setTouched] = useState(false);
  const [played, setPlayed] = useState<Played | null>(null);
  const [abort, setAbort] = useState<AbortController | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const full = { ...order, model: order.model === '' ? (models[0] ?? '') : order.model };
  const wrong = touched ? wrongFields(full) : {};
  const set = (changed: Partial<PlayOrder>) => setOrder((before) => ({ ...before, ...changed }));

  const makeKey = async () => {
    const sure = await confirm({
      title: 'Make a key for the playground?',
      body: 'It is a key like any other, and stays until it is revoked under Keys. It goes into the form, and is shown nowhere.',
      action: 'Make it',
    });
    if (!sure) return;
    const answer = await askAs<NewKey>(tenantPath(tenant, 'keys'), { method: 'POST', body: {} });
    if (!answer.ok) return sayProblem(answer.problem);
    set({ key: answer.value.key });
    say(`The key ${answer.value.id} is in the form.`);
  };
  const send = async () => {
    setTouched(true);
    if (Object.keys(wrongFields(full)).length > 0) return;
    const controller = new AbortController();
    running.current = controller;
    setAbort(controller);
    setPlayed(null);
    const result = await playCall(full, controller.signal);
    setAbort(null);
    setPlayed(result);
  };

  return (
    <div class="playground">
      <section class="card" aria-labelledby="play-head">
        <div class="card-head">
          <h2 id="play-head">A call</h2>
          <span class="bar-space" />
          <CopyButton text={() => callCurl(location.origin, full)}>Copy as curl</CopyButton>
        </div>
        <form
          class="card-body play-form"
          onSubmit={(event) => {
            event.preventDefault();
            if (abort === null) void send();
          }}
        >
          <PlayField name="API key" wrong={wrong.key} wide>
            <span class="play-key">
              <input
                class="input"
                type="password"
                autocomplete="off"
                aria-label="API key"
                aria-invalid={wrong.key !== undefined}
                value={order.key}
                onInput={(event) => set({ key: event.currentTarget.value.trim() })}
              />
              {mayChange.value && (
                <button type="button" class="button" onClick={() => void makeKey()}>
                  Make one
                </button>
              )}
            </span>
          </PlayField>
          <PlayField name="Model" wrong={wrong.model}>
            <input
              class="input"
              list="play-models"
              aria-label="Model"
              aria-invalid={wrong.model !== undefined}
              placeholder={models[0] ?? ''}
              value={order.model}
              onInput={(event) => set({ model: event.currentTarget.value })}
            />
            <datalist id="play-models">
              {models.map((name) => (
                <option key={name} value={name} />
              ))}
            </datalist>
          </PlayField>
          <PlayField name="Output tokens at most" wrong={wrong.maxTokens}>
            <input
              class="input"
              inputMode="numeric"
              aria-label="Output tokens at most"
              aria-invalid={wrong.maxTokens !== undefined}
              value={Number.isNaN(order.maxTokens) ? '' : String(order.maxTokens)}
              onInput={(event) =>
                set({ maxTokens: Number.parseInt(event.currentTarget.value, 10) })
              }
            />
          </PlayField>
          {(
            [
              ['app', 'Application'],
              ['unit', 'Unit'],
              ['run', 'Run'],
            ] as const
          ).map(([name, label]) => (
            <PlayField key={name} name={label} wrong={wrong[name]}>
              <input
                class="input"
                aria-label={label}
                aria-invalid={wrong[name] !== undefined}
                placeholder="not sent"
                value={order[name]}
                onInput={(event) => set({ [name]: event.currentTarget.value })}
              />
            </PlayField>
          ))}
          <label class="play-final">
            <input
              type="checkbox"
              checked={order.final}
              onChange={(event) => set({ final: event.currentTarget.checked })}
            />
            The run’s last call
          </label>
          <PlayField name="Prompt" wrong={wrong.prompt} wide>
            <textarea
              class="input"
              rows={4}
              aria-label="Prompt"
              aria-invalid={wrong.prompt !== undefined}
              value={order.prompt}
              onInput={(event) => set({ prompt: event.currentTarget.value })}
            />
          </PlayField>
          <div class="play-actions">
            <p class="faint">
              It is served and counted like any call. Neither key nor prompt is stored.
            </p>
            <button type="button" class="button" onClick={() => set({ run: newRun() })}>
              New run
            </button>
            {abort === null ? (
              <button type="submit" class="button" data-kind="main">
                <Icon name="play" />
                Send
              </button>
            ) : (
              <button type="button" class="button" onClick={() => abort.abort()}>
                <Icon name="stop" />
                Cancel
              </button>
            )}
          </div>
        </form>
      </section>
      <Answered tenant={tenant} played={played} isRunning={abort !== null} />
    </div>
  );
}

/** The names by which clients call the models of a configuration. */
function modelsOf(view: ConfigView | undefined): string[] {
  const { backends } = (view?.config ?? {}) as {
    backends?: Record<string, { models?: Array<string | { name: string }> }>;
  };
  return Object.values(backends ?? {}).flatMap(({ models = [] }) =>
    models.map((model) => (typeof model === 'string' ? model : model.name)),
  );
}

function newRun(): string {
  return `playground-${crypto.randomUUID().slice(0, 8)}`;
}
