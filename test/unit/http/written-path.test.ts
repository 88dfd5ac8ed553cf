/** Paths as clients write them, and what is served for each. */
import { describe, expect, it } from 'vitest';
import { behindBackend, servedPath } from '../../../src/http/written-path.ts';

describe('a written path', () => {
  it.each([
    ['/v1/chat/completions', '/v1/chat/completions'],
    ['/', '/'],
    ['//', '/'],
    ['/v1', '/v1'],
    ['/v1/', '/v1'],
    ['/v1/v1', '/v1'],
    ['/v1/v1x/a', '/v1/v1x/a'],
    ['/v1/models/v1', '/v1/models/v1'],
    ['/v1/models/a//b/', '/v1/models/a/b'],
    ['//admin//tenants/t/', '/admin/tenants/t'],
    ['/openai/v1/responses', '/v1/responses'],
    ['/openai/deployments/gpt-4o/chat/completions', '/v1/chat/completions'],
    ['/openai/models', '/openai/models'],
    ['/openai/v1/backends/t//x/', '/v1/backends/t//x/'],
    ['/v1/backends/t//v1/v1/', '/v1/backends/t//v1/v1/'],
    ['/v1/v1//backends//t/a//b/', '/v1/backends/t/a//b/'],
    ['/v1/backends', '/v1/backends'],
    ['/v1/backends//', '/v1/backends'],
    ['/v1/backendsx//a/', '/v1/backendsx/a'],
  ])('%s is served as %s', (written, served) => {
    expect(servedPath(written)).toBe(served);
    expect(servedPath(served)).toBe(served);
  });

  it.each([
    ['/v1/backends/t/a', '/a'],
    ['/v1/v1//backends/t//a/', '//a/'],
    ['/v1/backends/t', ''],
    ['/v1/backends/t/', '/'],
  ])('of a tool: behind the name in %s is %s', (written, rest) => {
    expect(behindBackend(written)).toBe(rest);
  });
});
