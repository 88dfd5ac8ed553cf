/** One key may not fill the whole queue if there are other keys. */
import { expect, it } from 'vitest';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { backendSpec, callRequest, configOf } from '../../../dispatch-builders.ts';

function dispatcherWith(keyQueueShare: number) {
  const llm = { ...backendSpec({ slots: 1, queueDepth: 8, queueBytes: 1_000 }), keyQueueShare };
  return new Dispatcher(configOf({ backends: { llm } }), { random: seededRandom(1) }, 0);
}

function submit(dispatcher: Dispatcher, callId: string, keyId: string, bodyBytes = 1) {
  const call = callRequest(callId, { keyId, bodyBytes });
  return dispatcher.step([{ type: 'submitted', call }], 0);
}

it('leaves the rest of the queue to other keys, and says whose limit it was', () => {
  const dispatcher = dispatcherWith(0.75);
  for (let i = 0; i < 7; i += 1) submit(dispatcher, `a${i}`, 'a');
  expect(submit(dispatcher, 'a7', 'a')).toMatchObject([{ code: 'queue_full', limit: 'key' }]);
  for (const id of ['b0', 'b1']) expect(submit(dispatcher, id, 'b')).toEqual([]);
  const [full] = submit(dispatcher, 'b2', 'b');
  expect(full).toMatchObject({ code: 'queue_full' });
  expect(full).not.toHaveProperty('limit');
});

it('counts bytes as calls', () => {
  const dispatcher = dispatcherWith(0.5);
  submit(dispatcher, 'a0', 'a');
  expect(submit(dispatcher, 'a1', 'a', 400)).toEqual([]);
  expect(submit(dispatcher, 'a2', 'a', 400)).toMatchObject([{ code: 'queue_full', limit: 'key' }]);
  expect(submit(dispatcher, 'b0', 'b', 400)).toEqual([]);
});

it('is the whole queue if there is only one key', () => {
  const dispatcher = dispatcherWith(1);
  for (let i = 0; i < 9; i += 1) submit(dispatcher, `a${i}`, 'a');
  expect(submit(dispatcher, 'a9', 'a')).toMatchObject([{ code: 'queue_full' }]);
});
