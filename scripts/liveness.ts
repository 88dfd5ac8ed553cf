/** When the local dispatcher is given up for dead, by checks of its health. */

/** `silent`: it did not answer in time. `broken`: it refused the connection, or answered an error. */
export type Health = 'up' | 'silent' | 'broken';

/** Failed checks in a row after which it is restarted. */
const BROKEN_TO_RESTART = 4;
/** A dispatcher on a busy machine is silent as well, and a restart would end all its calls. */
const SILENT_TO_RESTART = 12;

export class Liveness {
  #broken = 0;
  #missed = 0;

  /** Counts a check; true where a restart is due, which begins the count anew. */
  mustRestart(health: Health): boolean {
    this.#broken = health === 'broken' ? this.#broken + 1 : 0;
    this.#missed = health === 'up' ? 0 : this.#missed + 1;
    if (this.#broken < BROKEN_TO_RESTART && this.#missed < SILENT_TO_RESTART) return false;
    this.#broken = 0;
    this.#missed = 0;
    return true;
  }
}
