/** The signature of webhooks, against the example that Standard Webhooks publishes. */
import { describe, expect, it } from 'vitest';
import { keyOfSecret, signedHeaders } from '../../../src/jobs/webhook.ts';

describe('a signature', () => {
  it('is that of the published example', async () => {
    const secret = keyOfSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    if (!secret) throw new Error('the secret is sound');
    const message = {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestamp: 1_614_265_330,
      body: '{"test": 2432232314}',
    };
    expect(await signedHeaders(message, secret)).toEqual({
      'content-type': 'application/json',
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });
});

describe('a secret', () => {
  const of = (bytes: number) => btoa('x'.repeat(bytes));

  it('has 16 to 64 bytes in base64, with or without its prefix', () => {
    expect(keyOfSecret(of(16))).toHaveLength(16);
    expect(keyOfSecret(`whsec_${of(64)}`)).toHaveLength(64);
    for (const wrong of ['', 'whsec_', of(15), of(65), 'whsec_äöü', `${of(16)}\n`, 'a b']) {
      expect(keyOfSecret(wrong)).toBeUndefined();
    }
  });
});
