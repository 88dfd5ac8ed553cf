/** The order of a batch, as the SDKs of OpenAI and of Azure write it. */
import { describe, expect, it } from 'vitest';
import { readBatchOrder } from '../../../src/jobs/batch-order.ts';

const read = (order: unknown) => readBatchOrder(JSON.stringify(order));
const ORDER = { input_file_id: 'f', endpoint: '/v1/embeddings', completion_window: '24h' };

describe('the order of a batch', () => {
  it.each(['/v1/embeddings', '/embeddings', '/v1/embeddings/', '/openai/v1/embeddings'])(
    'for %s is one for the path that is served',
    (endpoint) => {
      const order = { inputFile: 'f', endpoint: '/v1/embeddings' };
      expect(read({ ...ORDER, endpoint })).toEqual({ ok: true, order });
    },
  );

  it.each([
    [{ ...ORDER, endpoint: '/files' }, 'endpoint'],
    [{ ...ORDER, endpoint: 'v1' }, 'endpoint'],
    [{ ...ORDER, endpoint: '' }, 'endpoint'],
    [{ ...ORDER, endpoint: 5 }, 'endpoint'],
    [{ ...ORDER, endpoint: null }, 'endpoint'],
    [{ ...ORDER, completion_window: '1h' }, 'completion_window'],
    [{ ...ORDER, metadata: { talaria_app: 'é' } }, 'metadata.talaria_app'],
    [{ ...ORDER, output_expires_after: { anchor: 'now' } }, 'output_expires_after.anchor'],
    [[], undefined],
    [null, undefined],
    ['x', undefined],
  ])('%j is refused at its field', (order, param) => {
    const told = read(order);
    expect(told.ok).toBe(false);
    if (!told.ok) expect(told.error.param).toBe(param);
  });
});
