/** An object of an older version than its caller, as during a deploy: clients are told to ask again. */
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { askObject, askTenant } from '../../../src/objects/ask-object.ts';

it('a method that the object does not know yet is a matter of time', async () => {
  const asked = askTenant(env as Env, `t-${crypto.randomUUID()}`, (stub) =>
    (stub as unknown as { methodOfTheNextVersion(): Promise<void> }).methodOfTheNextVersion(),
  );
  await expect(asked).rejects.toMatchObject({ code: 'unreachable' });
});

it('a database of a newer version is told at once, although it looks like a restart', async () => {
  let tries = 0;
  const message = 'DatabaseTooNew: The database is of version 9.';
  const asked = askObject(async () => {
    tries += 1;
    throw Object.assign(new Error(message), { durableObjectReset: true, retryable: true });
  });
  await expect(asked).rejects.toThrow(message);
  expect(tries).toBe(1);
});
