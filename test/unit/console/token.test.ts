/** The token in the address: it must not stay there, nor be lost, wherever storage is forbidden. */
import { expect, it } from 'vitest';
import { forgetToken, takeToken } from '../../../src/console/session/token.ts';

function place(hash: string, storage: Map<string, string> | null) {
  const replaced: string[] = [];
  const refuse = () => {
    throw new Error('storage is forbidden');
  };
  return {
    replaced,
    location: { hash, pathname: '/console/t/demo/now', search: '?a=1' },
    history: { replaceState: (_: unknown, __: string, url: string) => replaced.push(url) },
    sessionStorage: {
      getItem: storage ? (name: string) => storage.get(name) ?? null : refuse,
      setItem: storage ? (name: string, value: string) => void storage.set(name, value) : refuse,
      removeItem: storage ? (name: string) => void storage.delete(name) : refuse,
    },
  };
}

it('takes the token out of the address, and finds it again after a reload', () => {
  const storage = new Map<string, string>();
  const first = place('#token=a%2Fb+c', storage);
  expect(takeToken(first as never)).toBe('a/b c');
  expect(first.replaced).toEqual(['/console/t/demo/now?a=1']);
  const reloaded = place('', storage);
  expect(takeToken(reloaded as never)).toBe('a/b c');
  expect(reloaded.replaced).toEqual([]);
  forgetToken(reloaded);
  expect(takeToken(place('', storage) as never)).toBeNull();
});

it('strips an empty token, and keeps the one that is stored', () => {
  const storage = new Map([['talaria.console.token', 'stored']]);
  const given = place('#token=', storage);
  expect(takeToken(given as never)).toBe('stored');
  expect(given.replaced).toHaveLength(1);
  forgetToken(given);
});

it('holds the token for the page where storage is forbidden', () => {
  expect(takeToken(place('#token=held', null) as never)).toBe('held');
  expect(takeToken(place('', null) as never)).toBe('held');
  forgetToken(place('', null));
  expect(takeToken(place('', null) as never)).toBeNull();
});
