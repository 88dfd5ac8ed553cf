/** An object of an older version than its caller, as during a deploy: clients are told to ask again. */
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { askTenant } from '../../../src/objects/ask-object.ts';

it('a method that the object does not know yet is a matter of time', async () => {
  const asked = askTenant(env as Env, `t-${crypto.randomUUID()}`, (stub) =>
    (stub as unknown as { methodOfTheNextVersion(): Promise<void> }).methodOfTheNextVersion(),
  );
  await expect(asked).rejects.toMatchObject({ code: 'unreachable' });
});
