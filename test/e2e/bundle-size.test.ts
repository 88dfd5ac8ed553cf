/**
 * The size of what is deployed: it is loaded wherever an isolate starts. The console's rooms are
 * counted by themselves, by the bundle's source map: no call needs them.
 */
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { expect, inject, it } from 'vitest';

/** 600,000 are wanted (docs/decisions.md, 143): this holds the size where it is until then. */
const MOST_BYTES = 671_000;
const MOST_CONSOLE_BYTES = 80_000;
const CONSOLE = /\/(routes|protocol|tenant)\/console\/|\/console-caller\.ts$|\/looking\.ts$/;

/** Characters that are attributed together: a room's code lies in pieces of many times that. */
const STEP = 16;

const bytes = bytesOfRooms();

it('is at most 671 kB, without the console', () => {
  expect(bytes.others).toBeLessThanOrEqual(MOST_BYTES);
});

it('has a console of at most 80 kB', () => {
  expect(bytes.console).toBeGreaterThan(10_000);
  expect(bytes.console).toBeLessThanOrEqual(MOST_CONSOLE_BYTES);
});

function bytesOfRooms(): { console: number; others: number } {
  const bundle = inject('bundle');
  const map = new SourceMap(JSON.parse(readFileSync(`${bundle}.map`, 'utf8')));
  const found = { console: 0, others: 0 };
  for (const [line, text] of readFileSync(bundle, 'utf8').split('\n').entries()) {
    for (let from = 0; from < text.length; from += STEP) {
      const entry = map.findEntry(line, from);
      const isConsole = 'originalSource' in entry && CONSOLE.test(entry.originalSource);
      const piece = text.slice(from, from + STEP);
      found[isConsole ? 'console' : 'others'] += Buffer.byteLength(piece);
    }
    found.others += 1;
  }
  return found;
}
