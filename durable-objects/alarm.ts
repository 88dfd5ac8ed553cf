/**
 * The single alarm of a Durable Object. Each `setAlarm` is billed as a row written, so it is called
 * only for a time that is earlier than the one set. An alarm that fires too early finds nothing to
 * do.
 */

import { logError } from '../src/protocol/log.ts';
/** The part of the storage that the alarm needs. */
export interface AlarmStorage {
  setAlarm(at: number): Promise<void>;
}

export class ObjectAlarm {
  readonly #storage: AlarmStorage;
  #armedAt = Infinity;

  constructor(storage: AlarmStorage) {
    this.#storage = storage;
  }

  /** Makes sure that the alarm fires at `at` (epoch ms) or before. Never throws. */
  async arm(at: number): Promise<void> {
    if (at >= this.#armedAt || !Number.isFinite(at)) return;
    this.#armedAt = at;
    try {
      await this.#storage.setAlarm(at);
    } catch (error) {
      // No alarm is set: the next event tries again.
      this.#armedAt = Infinity;
      logError({ event: 'alarm_not_set', error: String(error) });
    }
  }

  /** To be called when the alarm has fired or was deleted: none is set from then on. */
  fired(): void {
    this.#armedAt = Infinity;
  }
}
