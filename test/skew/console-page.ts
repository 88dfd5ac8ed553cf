/** What an open page of the console asks and hears. */
import { ADMIN_TOKEN } from '../../scripts/stack.ts';
import { BEARER_PREFIX, CONSOLE_PROTOCOL } from '../../src/protocol/console/stream.ts';
import { ask, type Problems, type World } from './traffic.ts';

/** The paths of the page's requests about a tenant, after `/console/api/tenants/NAME/`. */
export const VIEWS = [
  ...[
    'now',
    'line?backend=m',
    'runs',
    'runs?q=skew',
    'warmth',
    'applications',
    'applications/skew',
  ],
  ...['trace', 'config', 'config-schema', 'config/versions', 'keys', 'audit'],
];

/** The messages that a page hears until the first view has come, by their types. */
export async function heard({ url, tenant }: World): Promise<string[]> {
  const address = `${url().replace('http', 'ws')}/console/api/tenants/${tenant}/stream`;
  const socket = new WebSocket(address, [CONSOLE_PROTOCOL, BEARER_PREFIX + ADMIN_TOKEN]);
  const types: string[] = [];
  await new Promise<void>((resolve) => {
    socket.onopen = () => socket.send(JSON.stringify({ type: 'watch', topics: ['now', 'runs'] }));
    socket.onclose = ({ code }) => {
      types.push(`closed ${code}`);
      resolve();
    };
    socket.onmessage = ({ data }) => {
      const { type, version } = JSON.parse(data);
      types.push(type);
      if (type !== 'now') return;
      socket.send(JSON.stringify({ type: 'seen', version }));
      resolve();
    };
  });
  socket.onclose = null;
  socket.close();
  return types;
}

/** The fields of each view, by their paths; those of lists are those of all their items. */
export async function fieldsOf(
  world: World,
  problems: Problems,
): Promise<Map<string, Set<string>>> {
  const as = { ...world, key: ADMIN_TOKEN };
  const fields = new Map<string, Set<string>>();
  for (const view of VIEWS) {
    const path = `/console/api/tenants/${world.tenant}/${view}`;
    const text = await ask(as, 'GET', path, {}, problems);
    const found = new Set<string>();
    // A trace has a line for its head and for each run.
    const lines = view === 'trace' ? text.trim().split('\n') : [text];
    for (const line of lines) if (view !== 'config-schema') collect(JSON.parse(line), '', found);
    fields.set(view, found);
  }
  return fields;
}

function collect(value: unknown, path: string, into: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, `${path}[]`, into);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, field] of Object.entries(value)) {
      into.add(`${path}.${name}`);
      collect(field, `${path}.${name}`, into);
    }
  }
}
