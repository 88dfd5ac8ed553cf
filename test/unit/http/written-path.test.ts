/** Paths as clients write them, and what is served for each. */
import { describe, expect, it } from 'vitest';
import {
  behindBackend,
  modelInPath,
  servedPath,
  WRITTEN_BASES,
} from '../../../src/http/written-path.ts';

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
    ['/openai', '/openai'],
    ['/openai/models', '/v1/models'],
    ['/openai/models/a/b', '/v1/models/a/b'],
    ['/openai/responses', '/v1/responses'],
    ['/openai/responses/resp_1/input_items', '/v1/responses/resp_1/input_items'],
    ['/openai//files/', '/v1/files'],
    ['/openai/batches/b/cancel', '/v1/batches/b/cancel'],
    ['/openai/chat/completions', '/v1/chat/completions'],
    ['/v1/openai/responses', '/v1/responses'],
    ['/openai/v1/openai/v1/models', '/v1/models'],
    ['/openai/openai/deployments/a/embeddings', '/v1/embeddings'],
    ['/openai/deployments', '/openai/deployments'],
    ['/openai/deployments/gpt-4o/v1/chat/completions', '/v1/chat/completions'],
    ['/v1/engines/a/v1/completions', '/v1/completions'],
    ['/openai/backends/t//x/', '/v1/backends/t//x/'],
    ['/openai/deployments/gpt-4o', '/openai/deployments/gpt-4o'],
    ['/v1/openai/deployments/a/embeddings/', '/v1/embeddings'],
    ['/v1/engines', '/v1/engines'],
    ['/v1/engines/a', '/v1/engines/a'],
    ['/v1/engines/a/completions', '/v1/completions'],
    ['/engines/a/chat/completions', '/v1/chat/completions'],
    ['/anthropic/v1/messages', '/v1/messages'],
    ['/api/v1/chat/completions', '/v1/chat/completions'],
    ['/v2/rerank', '/v1/rerank'],
    ['/v1/v2/rerank', '/v1/rerank'],
    ['/v1/reranking', '/v1/rerank'],
    ['/v1/models/openai/v1', '/v1/models/openai/v1'],
    ['/v1/models/a/reranking', '/v1/models/a/reranking'],
    ['/v1/files/v1/v1', '/v1/files/v1/v1'],
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

  it.each(Object.entries(WRITTEN_BASES))('%s is served as %s', (written, served) => {
    for (const slash of ['', '/', '//']) {
      const path = `/${written.replace('*', 'x').replace(/\/$/, '/chat')}${slash}`;
      const behind = written.endsWith('/') ? '/chat' : '';
      const expected = servedPath(`/${served}${behind}`);
      expect(servedPath(path)).toBe(expected);
      expect(servedPath(path.replaceAll('/', '//'))).toBe(expected);
    }
  });

  it.each([
    ['/openai/deployments/gpt-4o/chat/completions', 'gpt-4o'],
    ['//v1/openai//deployments/a%2Fb/embeddings', 'a/b'],
    ['/v1/engines/m/completions', 'm'],
    ['/engines/m/completions', 'm'],
    ['/api/v1/engines/m/chat/completions', 'm'],
    ['/openai/v1/engines/m/embeddings', 'm'],
    ['/anthropic/v1/engines/m/messages', 'm'],
    ['/api/v1/openai/deployments/m/chat/completions', 'm'],
    ['/v1/v1/engines/m/chat/completions', 'm'],
    ['/openai/deployments/gpt-4o/v1/chat/completions', 'gpt-4o'],
    ['/openai/openai/deployments/m/embeddings', 'm'],
    ['/openai/responses', undefined],
    ['/openai/deployments/gpt-4o', undefined],
    ['/openai/deployments/gpt-4o/', undefined],
    ['/openai/deployments/%ff/chat/completions', undefined],
    ['/v1/chat/completions', undefined],
    ['/v1/backends/t/openai/deployments/m/x', undefined],
    ['/v1/models/openai/deployments/m/x', undefined],
  ])('%s names the model %s', (path, model) => {
    expect(modelInPath(path)).toBe(model);
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
