/**
 * What the console's build adds to Vite's: an HTML for each screen that names the screen's code, a
 * script that begins before the page's own code is there, and compressed copies of all files.
 */
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { build, type Plugin, type Rolldown } from 'vite';
import { CODINGS, SCREEN_PAGES } from '../src/protocol/console/page-assets.ts';

type Bundle = Rolldown.OutputBundle;
type Chunk = Rolldown.OutputChunk;

/** The module of each screen; `index.html` is that of Now. */
const SCREENS: Readonly<Record<string, string>> = {
  index: 'now/now-screen.tsx',
  applications: 'applications/applications-screen.tsx',
  application: 'applications/application-screen.tsx',
  runs: 'runs/runs-screen.tsx',
  run: 'runs/run-screen.tsx',
  call: 'runs/call-screen.tsx',
  warmth: 'warmth/warmth-screen.tsx',
  'what-if': 'what-if/what-if-screen.tsx',
  settings: 'settings/settings-screen.tsx',
};

/** Where the links of a screen go in the page. */
const PLACE = '</head>';
const COMPRESSED = /\.(html|js|css|svg)$/;
const shorter = { br: promisify(brotliCompress), gzip: promisify(gzip) };

/** `begin`: the file of the script that begins. */
export function consolePages(begin: string): Plugin {
  return {
    name: 'console-pages',
    apply: 'build',
    enforce: 'post',
    async generateBundle(_, bundle) {
      const html = bundle['index.html'];
      if (html?.type !== 'asset') throw new Error('There is no index.html.');
      const code = await scriptOf(begin);
      const script = this.emitFile({ type: 'asset', name: 'begin.js', source: code });
      // Before all else: what it asks for is on its way while the rest is loaded.
      const head = `<script src="/console/${this.getFileName(script)}"></script>`;
      const page = String(html.source).replace(/\n\s*<script /, (next) => `\n    ${head}${next}`);
      for (const name of ['index', ...SCREEN_PAGES]) {
        const links = linksOf(bundle, page, SCREENS[name] ?? '');
        const source = page.replace(PLACE, `${links.join('')}${PLACE}`);
        if (name === 'index') html.source = source;
        else this.emitFile({ type: 'asset', fileName: `pages/${name}.html`, source });
      }
    },
  };
}

/** Runs after all others, since it copies what they have made. */
export function compressedCopies(): Plugin {
  return {
    name: 'compressed-copies',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      async handler(_, bundle) {
        const made = Object.values(bundle).filter(({ fileName }) => COMPRESSED.test(fileName));
        await Promise.all(
          made.map(async (file) => {
            const content = Buffer.from(file.type === 'chunk' ? file.code : file.source);
            for (const { name, ending } of CODINGS) {
              const source = await shorter[name](content, optionsFor(name, content.length));
              this.emitFile({ type: 'asset', fileName: `${file.fileName}${ending}`, source });
            }
          }),
        );
      },
    },
  };
}

function optionsFor(name: 'br' | 'gzip', bytes: number): object {
  if (name === 'gzip') return { level: 9 };
  const { BROTLI_PARAM_QUALITY, BROTLI_MAX_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants;
  return {
    params: { [BROTLI_PARAM_QUALITY]: BROTLI_MAX_QUALITY, [BROTLI_PARAM_SIZE_HINT]: bytes },
  };
}

/** The script as one file without imports, which runs at once where it stands. */
async function scriptOf(file: string): Promise<string> {
  const made = await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      write: false,
      target: 'es2022',
      lib: { entry: file, formats: ['iife'], name: 'begin', fileName: 'begin' },
    },
  });
  const [result] = Array.isArray(made) ? made : [made];
  if (!result || !('output' in result)) throw new Error('The first script was not made.');
  return result.output[0].code;
}

/** Links to what a screen needs beside what the page loads already. */
function linksOf(bundle: Bundle, page: string, module: string): string[] {
  const chunks = Object.values(bundle).filter((file): file is Chunk => file.type === 'chunk');
  const screen = chunks.find(({ facadeModuleId }) =>
    facadeModuleId?.endsWith(`/screens/${module}`),
  );
  if (!screen) throw new Error(`No chunk is made of ${module}.`);
  const scripts = new Set<string>();
  const styles = new Set<string>();
  const add = ({ fileName, imports, viteMetadata }: Chunk) => {
    if (scripts.has(fileName)) return;
    scripts.add(fileName);
    for (const style of viteMetadata?.importedCss ?? []) styles.add(style);
    for (const name of imports) {
      const imported = bundle[name];
      if (imported?.type === 'chunk') add(imported);
    }
  };
  add(screen);
  const isNew = (name: string) => !page.includes(`"/console/${name}"`);
  return [
    ...[...styles].filter(isNew).map(linkOf('rel="stylesheet"')),
    ...[...scripts].filter(isNew).map(linkOf('rel="modulepreload"')),
  ];
}

function linkOf(kind: string): (name: string) => string {
  return (name) => `  <link ${kind} crossorigin href="/console/${name}">\n  `;
}
