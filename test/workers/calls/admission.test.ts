/** A call that waited: its ticket is given back where the call ends without a slot. */
import { expect, it } from 'vitest';
import { Admission } from '../../../src/calls/admission.ts';
import { LentSlots } from '../../../src/calls/lent-slots.ts';
import type { TenantApi } from '../../../src/protocol/tenant.ts';
import { asked, configWith } from '../../loan-builders.ts';

const REFUSAL = { status: 'refused', code: 'queue_timeout', retryAfterMs: 1_000 } as const;

it('gives back the ticket of a call that waited and was refused', async () => {
  let disposed = 0;
  const ticket = {
    granted: async () => REFUSAL,
    [Symbol.dispose]: () => {
      disposed += 1;
    },
  };
  const stub = { enqueue: async () => ({ status: 'queued', ticket }) } as unknown as TenantApi;
  const borrowing = { slots: new LentSlots(), config: configWith(), waitUntil: () => {} };
  const admission = new Admission(() => stub, asked('a'), borrowing);
  expect(await admission.admit()).toEqual(REFUSAL);
  expect(disposed).toBe(1);
});
