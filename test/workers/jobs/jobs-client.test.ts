/** How often a request to the jobs object is repeated, and the error if it does not answer. */
import { describe, expect, it } from 'vitest';
import { askJobs } from '../../../src/jobs/jobs-client.ts';
import { Unreachable } from '../../../src/objects/ask-object.ts';

/** An object that fails with these errors, one after the other, and then answers. */
function failing(...errors: readonly object[]) {
  const left = [...errors];
  let stubs = 0;
  const env = {
    JOBS: {
      getByName: (name: string) => {
        stubs += 1;
        return {
          file: async () => {
            const error = left.shift();
            if (error) throw Object.assign(new Error('it broke'), error);
            return name;
          },
        };
      },
    },
  };
  const ask = () => askJobs(env as unknown as Env, 'acme', (jobs) => jobs.file('x'));
  return { ask, stubs: () => stubs };
}

describe("the jobs' object", () => {
  it('that was restarted is asked again, by a fresh stub', async () => {
    const { ask, stubs } = failing({ durableObjectReset: true }, { retryable: true });
    expect(await ask()).toBe('acme');
    expect(stubs()).toBe(3);
  });

  it('is asked only a limited number of times', async () => {
    const reset = { durableObjectReset: true };
    const { ask, stubs } = failing(reset, reset, reset, reset);
    await expect(ask()).rejects.toBeInstanceOf(Unreachable);
    expect(stubs()).toBe(3);
  });

  it('that is overloaded is not asked again', async () => {
    const { ask, stubs } = failing({ overloaded: true, retryable: true });
    await expect(ask()).rejects.toBeInstanceOf(Unreachable);
    expect(stubs()).toBe(1);
  });

  it('that cannot read its configuration is not asked again', async () => {
    const { ask, stubs } = failing({ remote: true, code: 'unreachable' });
    await expect(ask()).rejects.toBeInstanceOf(Unreachable);
    expect(stubs()).toBe(1);
  });

  it('that fails otherwise passes its error on', async () => {
    const { ask, stubs } = failing({ remote: true });
    await expect(ask()).rejects.toThrow('it broke');
    await expect(failing({}).ask()).rejects.not.toBeInstanceOf(Unreachable);
    expect(stubs()).toBe(1);
  });
});
