/** What a call tells the tenant's object where an answer is lost, or its client leaves. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Admission } from '../../../src/calls/admission.ts';
import { LentSlots } from '../../../src/calls/lent-slots.ts';
import type { CallResult } from '../../../src/protocol/admission.ts';
import type { TenantApi } from '../../../src/protocol/tenant.ts';
import { okResult } from '../../dispatch-builders.ts';
import { asked, configWith, grantWith } from '../../loan-builders.ts';

const config = configWith();

/** An object that grants every call; `isBroken`: tickets are of one that has died. */
class Site {
  readonly told: string[] = [];
  readonly slots = new LentSlots();
  isBroken = false;

  admission(callId: string): Admission {
    const waitUntil = () => {};
    return new Admission(() => this.#stub(), asked(callId), {
      slots: this.slots,
      config,
      waitUntil,
    });
  }

  #stub(): TenantApi {
    const tell = async <T>(what: string, answer: T): Promise<T> => {
      this.told.push(what);
      return answer;
    };
    const ofTicket = async <T>(what: string, answer: T): Promise<T> => {
      if (this.isBroken) throw new Error('the object is gone');
      return tell(what, answer);
    };
    const ticket = {
      report: ({ outcome }: CallResult) => ofTicket(`report ${outcome}`, false),
      renew: () => ofTicket('renew', undefined),
    };
    const { loan: _, ...grant } = grantWith(0);
    const object = {
      enqueue: () => tell('enqueue', { ...grant, ticket }),
      settle: (callId: string, { outcome }: CallResult) =>
        tell(`settle ${callId} ${outcome}`, false),
      cancel: (callId: string) => tell(`cancel ${callId}`, undefined),
      renew: (callId: string) => tell(`renew ${callId}`, undefined),
    };
    return object as unknown as TenantApi;
  }
}

async function slotOf(admission: Admission) {
  const admitted = await admission.admit();
  if (admitted.status !== 'granted') throw new Error(admitted.status);
  return admitted.slot;
}

let site = new Site();
beforeEach(() => {
  site = new Site();
});

describe('the end of a call', () => {
  it('is reported once, to an object that has started anew as well', async () => {
    const slot = await slotOf(site.admission('a'));
    site.isBroken = true;
    await slot.report(okResult(1));
    await slot.report(okResult(1));
    await slot.renew();
    expect(site.told).toEqual(['enqueue', 'settle a ok']);
  });

  it('is reported by its ticket alone where that arrives', async () => {
    const slot = await slotOf(site.admission('a'));
    await slot.renew();
    await slot.report(okResult(1));
    expect(site.told).toEqual(['enqueue', 'renew', 'report ok']);
  });

  it('is told where its client leaves, and nothing after that', async () => {
    const admission = site.admission('a');
    const slot = await slotOf(admission);
    await admission.abandon();
    await admission.abandon();
    await slot.report(okResult(1));
    expect(site.told).toEqual(['enqueue', 'cancel a']);
  });

  it('is told with its loan where it is on a borrowed slot, also where its client leaves', async () => {
    const loan = site.slots.accept(asked('first'), grantWith(1), config);
    const admission = site.admission('a');
    await slotOf(admission);
    await admission.abandon();
    await slotOf(site.admission('b'));
    expect(site.told).toEqual([]);
    const { calls } = loan?.turn(true, Date.now()).turn ?? { calls: [] };
    const ends = calls.map(({ request, ended }) => [request.call.callId, ended?.result, !!ended]);
    expect(ends).toEqual([
      ['a', undefined, true],
      ['b', undefined, false],
    ]);
  });
});

describe('a lease', () => {
  it('is renewed at an object that has started anew', async () => {
    const slot = await slotOf(site.admission('a'));
    site.isBroken = true;
    await slot.renew();
    expect(site.told).toEqual(['enqueue', 'renew a']);
  });
});

it('gives back the ticket of a call that waited and was refused', async () => {
  const refusal = { status: 'refused', code: 'queue_timeout', retryAfterMs: 1_000 } as const;
  let disposed = 0;
  const ticket = {
    granted: async () => refusal,
    [Symbol.dispose]: () => {
      disposed += 1;
    },
  };
  const stub = { enqueue: async () => ({ status: 'queued', ticket }) } as unknown as TenantApi;
  const borrowing = { slots: new LentSlots(), config, waitUntil: () => {} };
  const admission = new Admission(() => stub, asked('a'), borrowing);
  expect(await admission.admit()).toEqual(refusal);
  expect(disposed).toBe(1);
});

it('tells at once, and of no time to wait, that a database is too new', async () => {
  let requests = 0;
  const stub = {
    enqueue: async () => {
      requests += 1;
      throw Object.assign(new Error('x'), { code: 'database_too_new', durableObjectReset: true });
    },
  } as unknown as TenantApi;
  const borrowing = { slots: new LentSlots(), config, waitUntil: () => {} };
  const admission = new Admission(() => stub, asked('a'), borrowing);
  expect(await admission.admit()).toEqual({ status: 'too-new' });
  expect(requests).toBe(1);
});
