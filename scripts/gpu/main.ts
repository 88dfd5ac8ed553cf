/** The emulated endpoint as a program. */
import { parseArgs } from 'node:util';
import { answerHelp } from '../sim/arguments.ts';
import { startEmulator } from './emulator.ts';

const USAGE = `usage: node scripts/gpu/main.ts [options]

  --port N             0 is any free one (default 9000)
  --models A,B         models that it serves (default m)
  --slots N            calls that it runs at a time (default 8)
  --prefill-ms N       a token of the prompt, ms (default 0.1)
  --decode-ms N        a token of the answer, ms (default 20)
  --cold-start-ms N    it is cold at first and after idling, and takes so long to wake
  --idle-timeout-ms N  idle time after which it goes cold (default 60000)
  --kv-cache-tokens N  it has a prefix cache of so many tokens
  --time-scale N       how many times as fast time passes there (default 1)
  --ordinary-answers   answers are as long as a model's, and tools are called
  --help`;

const OPTIONS = {
  port: { type: 'string', default: '9000' },
  models: { type: 'string', default: 'm' },
  slots: { type: 'string', default: '8' },
  'prefill-ms': { type: 'string', default: '0.1' },
  'decode-ms': { type: 'string', default: '20' },
  'cold-start-ms': { type: 'string' },
  'idle-timeout-ms': { type: 'string', default: '60000' },
  'kv-cache-tokens': { type: 'string' },
  'time-scale': { type: 'string', default: '1' },
  'ordinary-answers': { type: 'boolean', default: false },
} as const;

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  console.error(`--${name}: expected a number of 0 or more, got "${text}"`);
  process.exit(2);
}

/** A number within bounds; any other text ends the program with a message. */
function boundedOf(name: string, text: string, least: number, most: number): number {
  const value = numberOf(name, text);
  if (value >= least && value <= most) return value;
  console.error(`--${name}: expected a number from ${least} to ${most}, got "${text}"`);
  process.exit(2);
}

function readOptions() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(2);
  }
}

answerHelp(USAGE);
const values = readOptions();
const cold = values['cold-start-ms'];
const cache = values['kv-cache-tokens'];
try {
  const emulator = await startEmulator({
    port: boundedOf('port', values.port, 0, 65_535),
    models: values.models.split(','),
    slots: boundedOf('slots', values.slots, 1, 100_000),
    prefillMsPerToken: numberOf('prefill-ms', values['prefill-ms']),
    decodeMsPerToken: numberOf('decode-ms', values['decode-ms']),
    idleTimeoutMs: numberOf('idle-timeout-ms', values['idle-timeout-ms']),
    timeScale: boundedOf('time-scale', values['time-scale'], 0.001, 1_000_000),
    ordinaryAnswers: values['ordinary-answers'],
    ...(cache === undefined ? {} : { kvCacheTokens: numberOf('kv-cache-tokens', cache) }),
    ...(cold === undefined ? {} : { coldStartMs: numberOf('cold-start-ms', cold) }),
  });
  console.log(`emulated endpoint at ${emulator.url}/v1, models ${values.models}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => void emulator.close().then(() => process.exit(0)));
  }
} catch (error) {
  const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  console.error(taken ? `port ${values.port} is taken: choose another with --port` : String(error));
  process.exit(1);
}
