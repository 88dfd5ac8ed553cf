/**
 * What earlier versions send and answer is of the protocol's present types, so that neither a field that
 * they do not have is required, nor one that they have is refused, and every method that they call is
 * there. The messages become a source file, which the compiler checks.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CALLED } from './called-methods.ts';
import { messagesOf, sourceOf, VERSIONS } from './recorded-messages.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TSC = join(ROOT, 'node_modules/.bin/tsc');

/** The type of each object's methods, and where it is. */
const API: Readonly<Record<string, readonly [type: string, file: string]>> = {
  TenantObject: ['TenantApi', 'src/protocol/tenant.ts'],
  'TenantObject.enqueue': ['TicketMethods', 'src/protocol/admission.ts'],
  'TenantObject.beginSideCall': ['SideTicketMethods', 'src/protocol/key-requests.ts'],
  IdempotencyShard: ['IdempotencyApi', 'src/protocol/idempotency.ts'],
  JobsObject: ['JobsApi', 'src/protocol/jobs.ts'],
  KeyRegister: ['KeyRegisterApi', 'src/protocol/key-register.ts'],
  MetricsShard: ['MetricsShardApi', 'src/protocol/metrics.ts'],
};

let folder: string;

beforeAll(() => {
  mkdirSync(join(ROOT, '.wrangler'), { recursive: true });
  // The compiler finds types of packages from here.
  folder = mkdtempSync(join(ROOT, '.wrangler/earlier-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The compiler's errors about a source, in which the objects' types are known by their names. */
function errorsOf(lines: readonly string[]): string {
  const imports = Object.values(API).map(
    ([type, file]) => `import type { ${type} } from '../../${file}';`,
  );
  const given = [
    'declare const held: any;',
    'type Method = (...args: never) => Promise<unknown>;',
    // Fields that are not in the type do no harm.
    'type Open<T> = T extends Uint8Array | undefined | null ? T : T extends readonly unknown[]',
    '  ? { [I in keyof T]: Open<T[I]> } : T extends object',
    '  ? { [F in keyof T]: Open<T[F]> } & { [field: string]: unknown } : T;',
    'type Asked<T, M extends keyof T> = T[M] extends Method ? Open<Parameters<T[M]>> : never;',
    'type Answer<T, M extends keyof T> =',
    '  T[M] extends Method ? Open<Awaited<ReturnType<T[M]>>> : never;',
  ];
  writeFileSync(join(folder, 'messages.ts'), [...imports, ...given, ...lines].join('\n'));
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: { noUnusedLocals: false },
    include: ['messages.ts'],
    exclude: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { stdout, status } = spawnSync(TSC, ['-p', folder], { encoding: 'utf8' });
  return status === 0 ? '' : stdout;
}

/** The lines that give the messages of a version the present types. */
function typed(version: string): string[] {
  return messagesOf(version).flatMap(({ object, method, asked, answer }, i) => {
    const [type] = API[object] ?? [];
    // What an object calls itself is no request.
    if (!type || !CALLED[object]?.[method]) return [];
    const of = `<${type}, '${method}'>`;
    // JSON has null for an argument that is absent.
    const args = asked.map((arg) => (arg === null ? 'undefined' : sourceOf(arg)));
    return [
      `export const asked${i}: Asked${of} = [${args.join(', ')}];`,
      `export const answer${i}: Answer${of} = ${sourceOf(answer)};`,
    ];
  });
}

it.each(VERSIONS)('the messages of %s are of the present types', (version) => {
  expect(typed(version).length).toBeGreaterThan(50);
  expect(errorsOf(typed(version))).toBe('');
});

it('every method that a version calls is there, and no other is', () => {
  const lines = Object.entries(CALLED).map(([object, methods]) => {
    const names = Object.keys(methods).map((name) => `${name}: true`);
    const type = API[object]?.[0];
    return `export const ${object.replace('.', '_')}: Record<keyof ${type}, true> = { ${names.join(', ')} };`;
  });
  expect(errorsOf(lines)).toBe('');
});

it('every method that was recorded is in the list of methods that are called', () => {
  // Methods of the objects' own parts, which were recorded with them.
  const own = new Set(['abandon', 'waitFor', 'where', 'wakeAnswered', 'alarmed']);
  const missing = VERSIONS.flatMap(messagesOf)
    .filter(({ object, method }) => API[object] && !CALLED[object]?.[method] && !own.has(method))
    .map(({ object, method }) => `${object}.${method}`);
  expect([...new Set(missing)]).toEqual([]);
});

it('a field that they lack, if it were required, is an error', () => {
  const [asked] = messagesOf(VERSIONS[0] ?? '')
    .filter(({ method }) => method === 'enqueue')
    .map(({ asked: [request] }) => request as Readonly<Record<string, unknown>>);
  const { version: _, ...request } = asked ?? {};
  const source = sourceOf([request]);
  const lacking = `export const lacking: Asked<TenantApi, 'enqueue'> = ${source};`;
  expect(errorsOf([lacking])).toMatch(/version/);
});
