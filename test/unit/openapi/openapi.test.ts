/**
 * The API's description is valid for standard tools, and its request bodies are those that the code
 * parses.
 */
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../../../src/openapi/document.ts';

interface Described {
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, unknown> } }>>;
  components: { schemas: { Error: unknown } };
}

describe('the description', () => {
  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const result = await validator.validate(JSON.parse(JSON.stringify(openApiDocument())));
    expect(result).toMatchObject({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  it('names each operation once', () => {
    const { paths } = openApiDocument() as unknown as Described;
    const ids = Object.values(paths).flatMap((path) =>
      Object.values(path).map((operation) => (operation as { operationId?: string }).operationId),
    );
    expect(ids.every((id) => /^\w+$/.test(id ?? ''))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has the bodies that the code parses, with their required fields, and allows further fields', () => {
    const { paths, components } = openApiDocument() as unknown as Described;
    const chat = paths['/v1/chat/completions']?.post?.requestBody?.content['application/json'];
    expect(chat).toMatchObject({
      schema: { required: ['model', 'messages'], additionalProperties: {} },
    });
    const tenant = paths['/admin/tenants/{tenant}']?.put?.requestBody?.content['application/json'];
    expect(tenant).toMatchObject({
      schema: { required: ['backends'], additionalProperties: false },
    });
    expect(JSON.stringify(components.schemas.Error)).toContain('"queue_full"');
  });
});
