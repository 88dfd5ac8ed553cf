/** The configuration, keys and audit log of the fake tenant; they can be changed. */
import type {
  AuditRow,
  ConfigPut,
  ConfigRefused,
  ConfigVersionRow,
  ConfigView,
  KeyOrder,
  KeyRow,
  NewKey,
} from '../../../src/protocol/console/settings.ts';

type Saved =
  | { readonly kind: 'saved'; readonly view: ConfigView }
  | { readonly kind: 'conflict'; readonly current: ConfigView }
  | { readonly kind: 'refused'; readonly problems: ConfigRefused['problems'] };

export class FakeSettings {
  readonly audit: AuditRow[] = [];
  readonly keys: KeyRow[] = [key('k-team-a', 600), key('k-team-b', null)];
  readonly #versions: ConfigVersionRow[];

  constructor(at: number) {
    const config = {
      backends: {
        llm: {
          models: ['demo-llm'],
          endpoints: [
            { name: 'gpu-1', url: 'https://gpu-1.example.com/v1', slots: 8 },
            { name: 'gpu-2', url: 'https://gpu-2.example.com/v1', slots: 8 },
          ],
        },
      },
      policy: 'gittins',
      prewarm: { mode: 'on', theta: 0.35 },
    };
    this.#versions = [
      { version: 2, at: at - 86_400_000, by: 'ops', config },
      {
        version: 1,
        at: at - 9 * 86_400_000,
        by: null,
        config: { ...config, prewarm: { mode: 'off' } },
      },
    ];
    for (let i = 0; i < 60; i += 1) {
      this.audit.push({
        at: at - i * 7_000_000,
        by: i % 3 === 0 ? 'ops' : '8f3a61c2',
        action:
          (['config-put', 'key-made', 'endpoint-wake', 'weight-set'] as const)[i % 4] ??
          'config-put',
        target: i % 4 === 2 ? 'llm/gpu-1' : '',
        changes: i % 4 === 0 ? [{ path: 'prewarm.theta', before: '0.3', after: '0.35' }] : [],
      });
    }
  }

  get view(): ConfigView {
    const [newest] = this.#versions;
    return { version: newest?.version ?? 0, config: newest?.config ?? {} };
  }

  get versions(): readonly ConfigVersionRow[] {
    return this.#versions;
  }

  put({ config }: ConfigPut, ifMatch: string | undefined, at: number): Saved {
    const { version } = this.view;
    if (ifMatch !== `"${version}"`) return { kind: 'conflict', current: this.view };
    if (typeof config.backends !== 'object') {
      return { kind: 'refused', problems: [{ param: 'backends', message: 'Expected an object.' }] };
    }
    this.#versions.unshift({ version: version + 1, at, by: 'ops', config });
    this.audit.unshift({ at, by: 'ops', action: 'config-put', target: '', changes: [] });
    return { kind: 'saved', view: this.view };
  }

  addKey(order: KeyOrder, at: number): NewKey {
    const id = `k-${this.keys.length + 1}`;
    this.keys.push({
      ...key(id, order.requestsPerMinute ?? null),
      tokensPerMinute: order.tokensPerMinute ?? null,
    });
    this.audit.unshift({ at, by: 'ops', action: 'key-made', target: id, changes: [] });
    return { id, key: `tal_${'0123456789abcdef'.repeat(2)}` };
  }

  limit(id: string, { requestsPerMinute, tokensPerMinute }: KeyOrder): void {
    const i = this.keys.findIndex((row) => row.id === id);
    const row = this.keys[i];
    if (!row) return;
    this.keys[i] = {
      ...row,
      requestsPerMinute: requestsPerMinute ?? null,
      tokensPerMinute: tokensPerMinute ?? null,
    };
  }

  revoke(id: string): void {
    const i = this.keys.findIndex((row) => row.id === id);
    if (i >= 0) this.keys.splice(i, 1);
  }
}

/** A part of the schema, with what a form needs. */
export const CONFIG_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['backends'],
  properties: {
    backends: {
      type: 'object',
      description: 'What serves the models and tools, by name.',
      additionalProperties: {
        type: 'object',
        required: ['endpoints'],
        properties: {
          models: { type: 'array', items: { type: 'string' } },
          endpoints: {
            type: 'array',
            minItems: 1,
            items: {
              type: 'object',
              required: ['url'],
              properties: {
                name: { type: 'string' },
                url: { type: 'string' },
                slots: { type: 'integer', minimum: 1 },
              },
              additionalProperties: false,
            },
          },
        },
      },
    },
    policy: { enum: ['gittins', 'fcfs', 'edf'], description: 'The order of waiting runs.' },
    prewarm: {
      type: 'object',
      properties: {
        mode: { enum: ['off', 'dry-run', 'on'] },
        theta: { type: 'number', minimum: 0, maximum: 1 },
      },
    },
  },
  additionalProperties: false,
};

function key(id: string, requestsPerMinute: number | null): KeyRow {
  return { id, requestsPerMinute, tokensPerMinute: null, apps: null, openRuns: 3, waitingCalls: 1 };
}
