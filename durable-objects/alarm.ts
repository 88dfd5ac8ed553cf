/**
 * The object's single alarm. Each setAlarm is billed as a row written, so it is set only when the
 * new time is earlier than the one armed; an alarm that comes too early finds nothing to do.
 */

/** Part of the storage that the alarm needs. */
export interface AlarmStorage {
  setAlarm(at: number): Promise<void>;
}

export class ObjectAlarm {
  readonly #storage: AlarmStorage;
  #armedAt = Infinity;

  constructor(storage: AlarmStorage) {
    this.#storage = storage;
  }

  /** Makes sure that the alarm goes off at `at` (epoch ms) or before. */
  async arm(at: number): Promise<void> {
    if (at >= this.#armedAt || !Number.isFinite(at)) return;
    this.#armedAt = at;
    try {
      await this.#storage.setAlarm(at);
    } catch (error) {
      // It is not armed: the next event tries again.
      this.#armedAt = Infinity;
      console.error(JSON.stringify({ event: 'alarm_not_set', error: String(error) }));
    }
  }

  /** It went off: nothing is armed now. */
  fired(): void {
    this.#armedAt = Infinity;
  }
}
