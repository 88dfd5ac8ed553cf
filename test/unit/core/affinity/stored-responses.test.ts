/** The endpoints that stored responses: as many as the bound, the newest. */
import { expect, it } from 'vitest';
import { StoredResponses } from '../../../../src/core/affinity/stored-responses.ts';

it('remembers the newest ten thousand, and no id that is as long as a text', () => {
  const responses = new StoredResponses();
  for (let i = 0; i < 10_001; i += 1) responses.stored(`resp_${i}`, 'a');
  responses.stored('r'.repeat(257), 'b');
  expect(responses.endpointOf('resp_0')).toBeUndefined();
  expect(responses.endpointOf('resp_1')).toBe('a');
  expect(responses.endpointOf('resp_10000')).toBe('a');
  expect(responses.endpointOf('r'.repeat(257))).toBeUndefined();
  expect(responses.endpointOf(undefined)).toBeUndefined();
});
