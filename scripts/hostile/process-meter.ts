/** Measures a process: its CPU time so far, and its peak memory since the meter was reset. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const MS_PER_TICK = 1_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

export class ProcessMeter {
  readonly #pid: number;
  #cpuMs = 0;
  #idleKb = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.reset();
  }

  /** Starts the measurement of memory again. */
  reset(): void {
    // Makes the kernel reset the peak.
    writeFileSync(`/proc/${this.#pid}/clear_refs`, '5');
    this.#idleKb = this.#status('VmRSS');
    this.#cpuMs = this.#cpu();
  }

  /** CPU time of all threads, in ms. */
  get cpuMs(): number {
    return this.#cpu() - this.#cpuMs;
  }

  /** Peak resident memory minus that at the start, in MB. */
  get peakMb(): number {
    return (this.#status('VmHWM') - this.#idleKb) / 1_024;
  }

  #cpu(): number {
    // The name of the program, in parentheses, may contain spaces.
    const fields = readFileSync(`/proc/${this.#pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
  }

  #status(name: string): number {
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN);
  }
}
