import { describe, expect, it } from 'vitest';
import { ReportingApps } from '../../../../durable-objects/tenant/reporting-apps.ts';

describe('applications whose clients report', () => {
  it('are named for a minute after each report', () => {
    const apps = new ReportingApps();
    apps.reported('a', 0);
    apps.reported('b', 30_000);
    expect(apps.names(59_999)).toEqual(['a', 'b']);
    expect(apps.names(60_000)).toEqual(['b']);
    expect(apps.names(90_000)).toEqual([]);
  });

  it('are known to all until they are forgotten, also where they report again', () => {
    const apps = new ReportingApps();
    apps.reported('a', 0);
    expect(apps.isSpread('a', 1)).toBe(false);
    apps.spread('a');
    apps.reported('a', 50_000);
    expect(apps.isSpread('a', 100_000)).toBe(true);
    expect(apps.isSpread('a', 110_000)).toBe(false);
    apps.reported('a', 110_000);
    expect(apps.isSpread('a', 110_000)).toBe(false);
  });

  it('are forgotten where the clock goes back, and where there are too many', () => {
    const apps = new ReportingApps();
    apps.reported('a', 3_600_000);
    expect(apps.names(0)).toEqual([]);
    for (let i = 0; i < 40; i += 1) apps.reported(`a${i}`, 0);
    expect(apps.names(0)).toHaveLength(32);
  });
});
