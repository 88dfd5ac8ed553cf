/** Planned faults of the emulated endpoint: which request gets which fault. */
import { describe, expect, it } from 'vitest';
import { Faults, faultSchema } from '../../../../scripts/gpu/faults.ts';

function planned(...faults: object[]): Faults {
  const list = new Faults();
  for (const fault of faults) list.plan(faultSchema.parse(fault));
  return list;
}

describe('planned faults', () => {
  it('hit as many requests as they were planned for, one after the other', () => {
    const faults = planned({ kind: '500', count: 2 }, { kind: 'cut' });
    const met = [1, 2, 3, 4].map(() => faults.take('/v1/chat/completions', undefined));
    expect(met).toEqual(['500', '500', 'cut', undefined]);
  });

  it('with a path leave other requests alone', () => {
    const faults = planned({ kind: '429', path: '/tools/' });
    expect(faults.take('/v1/embeddings', undefined)).toBeUndefined();
    expect(faults.take('/tools/search', undefined)).toBe('429');
  });

  it('are kept where a request brings a fault of its own', () => {
    const faults = planned({ kind: '500' });
    expect(faults.take('/tools/search', 'hang')).toBe('hang');
    expect(faults.take('/tools/search', undefined)).toBe('500');
  });

  it('are forgotten when cleared', () => {
    const faults = planned({ kind: '500', count: 9 });
    faults.clear();
    expect(faults.take('/', undefined)).toBeUndefined();
  });
});

describe('a fault', () => {
  it.each([{ kind: 'nonsense' }, { kind: '500', count: 0 }, { kind: '500', often: 2 }])(
    'is refused where it says %j',
    (fault) => {
      expect(faultSchema.safeParse(fault).success).toBe(false);
    },
  );
});
