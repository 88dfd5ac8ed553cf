/** Origins of a tenant: which are taken, and what they allow. */
import { describe, expect, it } from 'vitest';
import { allowsOrigin, corsSettings } from '../../../src/config/cors-settings.ts';

describe('an origin', () => {
  it.each([
    '*',
    'https://app.example.com',
    'http://localhost:5173',
    'http://[::1]:8080',
    'chrome-extension://abcdef',
    'app://obsidian.md',
  ])('%s is taken', (origin) => {
    expect(corsSettings.safeParse({ origins: [origin] }).success).toBe(true);
  });

  it.each([
    '',
    'null',
    'app.example.com',
    'https://app.example.com/',
    'https://App.example.com',
    'https://app.example.com:443',
    'https://*.example.com',
    'https://a b.example.com',
    'https://user@app.example.com',
  ])('%j is refused', (origin) => {
    const result = corsSettings.safeParse({ origins: [origin] });
    expect(result.error?.issues[0]?.message).toMatch(/as browsers send it/);
  });

  it('is allowed as it is written, or by the one that stands for all', () => {
    expect(allowsOrigin([], 'https://a.com')).toBe(false);
    expect(allowsOrigin(['https://a.com'], 'https://a.com')).toBe(true);
    expect(allowsOrigin(['https://a.com'], 'https://a.com.evil.com')).toBe(false);
    expect(allowsOrigin(['*'], 'https://b.com')).toBe(true);
  });
});
