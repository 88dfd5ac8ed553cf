/**
 * The model field of a form is found in the form's bytes, in any position and with any bytes in the
 * file.
 */
import { describe, expect, it } from 'vitest';
import { multipartModel } from '../../../src/apis/multipart-model.ts';
import { spliced } from '../../../src/http/json-splice.ts';

const TYPE = 'multipart/form-data; boundary=XYZ';

function form(...parts: Array<[string, string | Uint8Array]>): Uint8Array<ArrayBuffer> {
  const pieces = parts.flatMap(([header, value]) => [
    Buffer.from(`--XYZ\r\n${header}\r\n\r\n`),
    Buffer.from(value),
    Buffer.from('\r\n'),
  ]);
  return Uint8Array.from(Buffer.concat([...pieces, Buffer.from('--XYZ--\r\n')]));
}

const field = (name: string, value: string): [string, string] => [
  `Content-Disposition: form-data; name="${name}"`,
  value,
];
const file = (bytes: Uint8Array): [string, Uint8Array] => [
  'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav',
  bytes,
];
/** Bytes that look like parts, headers and delimiters, but are not at the start of a line. */
const misleading = Buffer.from('\r\n --XYZ\r\n\r\n--XY\r\nname="model"\r\n\r\n-\n--XYZ\r\n\0\xff');

describe('the model of a form', () => {
  const modelOf = (bytes: Uint8Array<ArrayBuffer>, type = TYPE) => {
    const found = multipartModel(bytes, type);
    return found.ok ? found.form.model : found.error.param;
  };

  it('is found before, between and behind the other fields', () => {
    const noise = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 45) % 256);
    for (const bytes of [noise, misleading, new Uint8Array(0)]) {
      const others = [file(bytes), field('language', 'model')];
      for (const at of [0, 1, 2]) {
        const parts = others.toSpliced(at, 0, field('model', 'whisper/large-v3'));
        expect(modelOf(form(...parts))).toBe('whisper/large-v3');
      }
    }
  });

  it('may be named and bounded as clients do', () => {
    const parts = form(['content-disposition:form-data;name=model', 'm']);
    expect(modelOf(parts, 'Multipart/Form-Data; charset=utf-8; boundary="XYZ"')).toBe('m');
    const typed = 'Content-Type: text/plain\r\nContent-Disposition: form-data; name="model"';
    expect(modelOf(form([typed, 'größe'], file(misleading)))).toBe('größe');
  });

  it.each<[string, Uint8Array<ArrayBuffer>, string, string]>([
    ['no form', Buffer.from('{}'), 'application/json', 'content-type'],
    ['no boundary', form(field('model', 'm')), 'multipart/form-data', 'content-type'],
    ['another boundary', form(field('model', 'm')), 'multipart/form-data; boundary=A', 'model'],
    ['no model', form(file(misleading)), TYPE, 'model'],
    ['two models', form(field('model', 'a'), field('model', 'b')), TYPE, 'model'],
    ['an empty model', form(field('model', '')), TYPE, 'model'],
    ['a long model', form(field('model', 'x'.repeat(2_000))), TYPE, 'model'],
    ['a model that is a file', form([`${file(misleading)[0]}; name="model"`, 'm']), TYPE, 'model'],
    ['another name with it', form(field('model_name', 'm')), TYPE, 'model'],
    ['a form that breaks off', form(field('model', 'm')).slice(0, 60), TYPE, 'model'],
    ['nothing', new Uint8Array(0), TYPE, 'model'],
  ])('is refused of %s', (_, bytes, type, param) => {
    const found = multipartModel(bytes, type, param === 'model' ? undefined : 'in-path');
    expect(found).toMatchObject({ ok: false, error: { code: 'invalid_request_error', param } });
  });

  const renamed = (bytes: Uint8Array<ArrayBuffer>, name: string, pathModel?: string) => {
    const found = multipartModel(bytes, TYPE, pathModel);
    if (!found.ok) return found.error.param;
    const splice = found.form.splice(name);
    return splice ? Buffer.from(spliced(bytes, [splice])) : 'as it is';
  };

  it('is replaced where another name is meant, and nothing else is', () => {
    const parts = [file(misleading), field('model', 'm'), field('language', 'm')] as const;
    expect(renamed(form(...parts), 'm')).toBe('as it is');
    const wanted = form(parts[0], field('model', 'the-one'), parts[2]);
    expect(renamed(form(...parts), 'the-one')).toEqual(Buffer.from(wanted));
    // The body's own model counts before the path's.
    expect(renamed(form(...parts), 'm', 'in-path')).toBe('as it is');
  });

  it('is put in front where only the path has it, behind what stands before the form', () => {
    const bytes = form(file(misleading), field('language', 'm'));
    const wanted = form(field('model', 'whisper'), file(misleading), field('language', 'm'));
    expect(renamed(bytes, 'whisper', 'in-path')).toEqual(Buffer.from(wanted));
    const preamble = Buffer.from('To whom it may concern\r\n');
    const behind = Uint8Array.from(Buffer.concat([preamble, bytes]));
    const found = renamed(behind, 'whisper', 'in-path');
    expect(found).toEqual(Buffer.concat([preamble, wanted]));
    expect(multipartModel(Uint8Array.from(found as Buffer), TYPE)).toMatchObject({
      ok: true,
      form: { model: 'whisper' },
    });
  });

  it('is no line break of the path, which would begin a part', () => {
    expect(renamed(form(file(misleading)), 'x', 'a\r\n--XYZ')).toBe('model');
  });
});

describe('the parts of a form', () => {
  const partsOf = (bytes: Uint8Array<ArrayBuffer>, type = TYPE) => {
    const found = multipartModel(bytes, type);
    if (!found.ok) throw new Error('no form');
    return found.form.parts.map((part) => Buffer.from(part).toString('latin1'));
  };
  const wav = file(Uint8Array.from([0, 13, 10, 255]));

  it('are the same with another boundary, and others with other headers or bytes', () => {
    const bytes = form(field('model', 'm'), wav);
    const text = Buffer.from(bytes).toString('latin1');
    const other = Uint8Array.from(Buffer.from(text.replaceAll('--XYZ', '----Q'), 'latin1'));
    const parts = partsOf(bytes);
    expect(parts).toHaveLength(2);
    expect(partsOf(other, 'multipart/form-data; boundary=--Q')).toEqual(parts);
    for (const [from, to] of [
      ['audio/wav', 'audio/ogg'],
      ['\xff', '\xfe'],
      ['a.wav', 'b.wav'],
    ] as const) {
      const changed = Uint8Array.from(Buffer.from(text.replace(from, to), 'latin1'));
      expect(partsOf(changed)).not.toEqual(parts);
    }
  });
});
