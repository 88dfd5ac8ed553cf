/**
 * Which URLs a configuration may name: addresses in every spelling, names of addresses, schemes.
 */
import { describe, expect, it } from 'vitest';
import { endpointUrlProblem } from '../../../src/config/endpoint-url.ts';
import { parseTenantConfig } from '../../../src/config/parse.ts';
import { onHost } from '../../../src/endpoints/adapter.ts';
import { fetchSameUrl } from '../../../src/http/same-url.ts';

const REFUSED: Readonly<Record<string, readonly string[]>> = {
  'loopback in every spelling': [
    'https://127.0.0.1/v1',
    'https://127.1/v1',
    'https://127.255.255.254/v1',
    'https://2130706433/v1',
    'https://0x7f000001/v1',
    'https://0x7f.0.0.1/v1',
    'https://0177.0.0.1/v1',
    'https://017700000001/v1',
    'https://127.0.0.1./v1',
    'https://%31%32%37.0.0.1/v1',
    'https://①②⑦.⓪.⓪.①/v1',
    'https://127。0。0。1/v1',
    'https://0/v1',
    'https://0.0.0.0/v1',
    'https://localhost/v1',
    'https://LOCALHOST/v1',
    'https://localhost./v1',
    'https://localhost../v1',
    'https://ⓛocalhost/v1',
    'https://gpu.localhost/v1',
    'https://localhost.localdomain/v1',
    'https://[::1]/v1',
    'https://[0:0:0:0:0:0:0:1]/v1',
    'https://[::]/v1',
  ],
  'IPv4 ranges that are not public': [
    'https://10.0.0.1/v1',
    'https://0xa000001/v1',
    'https://012.0.0.1/v1',
    'https://172.16.0.1/v1',
    'https://172.31.255.255/v1',
    'https://192.168.1.1/v1',
    'https://192.168.257/v1',
    'https://169.254.169.254/latest/meta-data',
    'https://0xa9fea9fe/latest',
    'https://2852039166/latest',
    'https://100.64.0.1/v1',
    'https://100.100.100.200/latest',
    'https://198.18.0.1/v1',
    'https://224.0.0.1/v1',
    'https://255.255.255.255/v1',
  ],
  'any other address: certificates are for names': [
    'https://8.8.8.8/v1',
    'https://[2606:4700::1]/v1',
  ],
  'IPv6 ranges that are not public, and IPv4 inside IPv6': [
    'https://[fd00::1]/v1',
    'https://[fc00::1]/v1',
    'https://[fe80::1]/v1',
    'https://[ff02::1]/v1',
    'https://[::ffff:127.0.0.1]/v1',
    'https://[::ffff:7f00:1]/v1',
    'https://[::ffff:a9fe:a9fe]/v1',
    'https://[::127.0.0.1]/v1',
    'https://[64:ff9b::a9fe:a9fe]/v1',
    'https://[64:ff9b:1::10.0.0.1]/v1',
    'https://[2002:a9fe:a9fe::]/v1',
    'https://[2001:0:7f00:1::]/v1',
    'https://[fd00:ec2::254]/latest',
  ],
  'names inside a network': [
    'https://gpu/v1',
    'https://gpu.local/v1',
    'https://gpu.lan/v1',
    'https://gpu.corp/v1',
    'https://gpu.home.arpa/v1',
    'https://gpu.internal/v1',
    'https://gpu.internal./v1',
    'https://vllm.default.svc/v1',
    'https://vllm.default.svc.cluster.local/v1',
    'https://1.0.0.127.in-addr.arpa/v1',
  ],
  'names that are reserved, or that only a home or an office knows': [
    'https://gpu.test/v1',
    'https://gpu.example/v1',
    'https://gpu.alt/v1',
    'https://gpu.invalid/v1',
    'https://gpu.home/v1',
    'https://home.arpa/v1',
    'https://fritz.box/v1',
    'https://FRITZ.BOX./v1',
    'https://gpu.fritz.box/v1',
    'https://speedport.ip/v1',
    'https://routerlogin.net/v1',
    'https://www.tplinkwifi.net/v1',
    'https://router.asus.com/v1',
    'https://nas.router/v1',
    'https://gpu.workgroup/v1',
    'https://gpu.docker/v1',
  ],
  "clouds' metadata": [
    'https://metadata/computeMetadata',
    'https://metadata.google.internal/computeMetadata',
    'https://metadata.goog/computeMetadata',
    'https://metadata.tencentyun.com/latest',
    'https://instance-data.ec2.internal/latest',
  ],
  'names of addresses': [
    'https://127.0.0.1.nip.io/v1',
    'https://10-0-0-1.nip.io/v1',
    'https://7f000001.nip.io/v1',
    'https://gpu.192-168-1-1.sslip.io/v1',
    'https://--1.sslip.io/v1',
    'https://8.8.8.8.nip.io/v1',
    'https://169.254.169.254.xip.io/latest',
    'https://localtest.me/v1',
    'https://a.lvh.me/v1',
    'https://local.gd/v1',
    'https://gpu.local.gd/v1',
    'https://a.fuf.me/v1',
    'https://10.0.0.1.ipq.co/v1',
    'https://spoofed.burpcollaborator.net/v1',
    'https://a.rbnd.gl0.eu/v1',
    'https://7f000001.c0a80001.rbndr.us/v1',
    'https://169.254.169.254.example.com/latest',
    'https://10-0-0-1.example.com/v1',
    'https://ip-10-0-0-1.eu-west-1.compute.example.com/v1',
    'https://gpu-192-168-0-1-a.example.com/v1',
  ],
  'other schemes': [
    'http://gpu.example.com/v1',
    'ftp://gpu.example.com',
    'file:///etc/passwd',
    'gopher://gpu.example.com',
    'data:text/plain,x',
    'javascript:alert(1)',
    'ws://gpu.example.com',
    'blob:https://gpu.example.com/x',
  ],
  'credentials, queries, and what is no URL': [
    'https://user:secret@gpu.example.com/v1',
    'https://user@gpu.example.com/v1',
    'https://gpu.example.com@10.0.0.1/v1',
    'https://gpu.example.com/v1?x=1',
    'https://gpu.example.com/v1?',
    'https://gpu.example.com/v1#x',
    'https://gpu..example.com/v1',
    'https://-/v1',
    'https://gpu_$.example.com/v1',
    'https://gpu.example.com/v1 ',
    ' https://gpu.example.com/v1',
    'https://gpu.example.com/v1\n',
    '\thttps://gpu.example.com/v1',
    'https://gpu.example.com/v 1',
    'https://gpu.exa\nmple.com/v1',
    'https://gpu.example.com/v1\u0000',
    'https://gpu.example.com/v1\u00a0',
    'https://gpu.example\u00ad.com/v1',
    'https://gpu.example.com\u200b/v1',
    'https:\\\\gpu.example.com\\v1',
    'https:/gpu.example.com/v1',
    'https:gpu.example.com/v1',
    'https:///gpu.example.com/v1',
    '//gpu.example.com/v1',
    '/v1',
    'nonsense',
    '',
  ],
};

const ALLOWED = [
  'https://gpu.example.com/v1',
  'https://gpu.example.com./v1',
  'https://gpu.example.com:8443/v1',
  'https://api.runpod.ai/v2/abc/openai/v1',
  'https://0a12bc34-8000.proxy.runpod.net/v1',
  'https://acme--vllm-serve.modal.run/v1',
  'https://model-abc123.api.baseten.co/environments/production/sync/v1',
  'https://xyz.us-east-1.aws.endpoints.huggingface.cloud/v1',
  'https://ec2-54-12-3-4.compute-1.amazonaws.com/v1',
  'https://münchen.example.com/v1',
  'https://gpu-1-2-3.example.com/v1',
];

describe('a URL', () => {
  describe.each(Object.entries(REFUSED))('of %s', (_what, urls) => {
    it.each(urls)('is refused: %s', (url) => {
      expect(endpointUrlProblem(url, { development: false })).toEqual(expect.any(String));
    });
  });

  it.each(ALLOWED)('of a public name is taken: %s', (url) => {
    expect(endpointUrlProblem(url, { development: false })).toBeUndefined();
  });

  it('may be on loopback in development, and nowhere else private', () => {
    const taken = ['http://127.0.0.1:9000/v1', 'http://localhost:9000/v1', 'http://[::1]:9000/v1'];
    const rules = { development: true };
    for (const url of taken) expect(endpointUrlProblem(url, rules)).toBeUndefined();
    const urls = Object.values(REFUSED).flat();
    const open = urls.filter((url) => endpointUrlProblem(url, rules) === undefined);
    const isLoopback = (url: string) =>
      /^(127\.[\d.]+|localhost|\[::1\])$/.test(new URL(url).hostname.replace(/\.$/, ''));
    expect(open.every(isLoopback)).toBe(true);
  });
});

describe('a configuration', () => {
  const problems = (endpoint: object) => {
    const endpoints = [{ url: 'https://gpu.example.com/v1', ...endpoint }];
    const parsed = parseTenantConfig({ backends: { m: { endpoints } } }, { development: false });
    return parsed.ok ? [] : parsed.problems.map((p) => p.param);
  };

  it.each(Object.values(REFUSED).flat())('names no such address anywhere: %s', (url) => {
    expect(problems({ url })).toEqual(['backends.m.endpoints[0].url']);
    expect(problems({ statusUrl: url })).toEqual(['backends.m.endpoints[0].statusUrl']);
  });

  it.each([
    '//10.0.0.1/wake',
    '//evil.example.com',
    '/\\evil.example.com',
    '\\\\evil.example.com',
    'https://evil.example.com/',
    'wake',
    '@evil.example.com',
    '',
    '/wake\r\nx-injected: 1',
    '/ wake',
    `/${'a'.repeat(2048)}`,
  ])('has paths of the host itself: not %j', (path) => {
    for (const field of ['wakePath', 'releasePath', 'readyPath']) {
      const at = `backends.m.endpoints[0].coldStart.${field}`;
      expect(problems({ coldStart: { [field]: path } })).toEqual([at]);
    }
  });

  it('may have any path of the host', () => {
    const coldStart = { wakePath: '/production/wake?x=1', releasePath: '/' };
    expect(problems({ coldStart })).toEqual([]);
  });
});

describe('a path', () => {
  it.each(['//evil.example.com/x', '/\\evil.example.com', '/a/../../b', '/@evil.example.com'])(
    'never leads to another host: %s',
    (path) => {
      const target = { url: 'https://gpu.example.com/v1', auth: {} };
      expect(new URL(onHost(target, path)).host).toBe('gpu.example.com');
    },
  );
});

describe('a redirect', () => {
  it.each([
    [302, 'https://gpu.example.com/v1/x?attempt=2'],
    [307, 'https://gpu.example.com/v1/x?attempt=2'],
    [308, 'https://evil.example.com/'],
    [303, 'https://evil.example.com/v1/x?attempt=2'],
    [303, 'http://gpu.example.com/v1/x?attempt=2'],
    [303, 'https://gpu.example.com:8443/v1/x?attempt=2'],
    [303, 'https://u:p@gpu.example.com/v1/x?attempt=2'],
    [303, 'https://gpu.example.com/admin?attempt=2'],
    [303, '//169.254.169.254/latest'],
    [303, 'https://gpu.example.com/v1/x'],
  ])('by %i to %s is not followed', async (status, location) => {
    const asked: string[] = [];
    const real = globalThis.fetch;
    globalThis.fetch = async (input, init) => {
      asked.push(`${init?.redirect} ${input}`);
      return new Response(null, { status, headers: { location } });
    };
    try {
      const url = 'https://gpu.example.com/v1/x';
      const request = { url, method: 'GET', headers: {}, signal: new AbortController().signal };
      expect((await fetchSameUrl(request, () => {})).status).toBe(status);
      expect(asked).toEqual(['manual https://gpu.example.com/v1/x']);
    } finally {
      globalThis.fetch = real;
    }
  });
});
