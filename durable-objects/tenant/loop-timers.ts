/**
 * Brings a tenant's object back when something is due. What is due soon is started by a timer, which
 * costs no write; the alarm, which costs one each time, is for later and for an object that died.
 */
import { ObjectAlarm } from '../alarm.ts';

/** Delay of the next alarm after one that failed, ms. */
const RETRY_MS = 5_000;
/**
 * Work that is due sooner than this, ms, is started by a timer. The alarm is never set closer than this:
 * it then matters only if the object dies.
 */
const MIN_ALARM_DELAY_MS = 5_000;
/** While calls wait or run, the dispatcher ticks at least this often, ms, even without an alarm. */
const WATCH_MS = 15_000;

type Timer = ReturnType<typeof setTimeout>;

export class LoopTimers {
  readonly #alarm: ObjectAlarm;
  readonly #tick: (isWatch: boolean) => void;
  #watch: Timer | null = null;
  #timer: Timer | null = null;
  /** When the timer fires, epoch ms. */
  #timerAt = Infinity;

  /** `tick` is called when something is due, and from time to time to watch calls that wait or run. */
  constructor(storage: DurableObjectStorage, tick: (isWatch: boolean) => void) {
    this.#alarm = new ObjectAlarm(storage);
    this.#tick = tick;
  }

  /** Sets what brings the object back at `due`, epoch ms. `isWatched`: there are calls. */
  arm(due: number, isWatched: boolean, now: number): Promise<void> {
    // A timer keeps the object from hibernating, so it runs only while it is needed.
    if (isWatched) this.#startWatch();
    else this.#endWatch();
    if (due < now + MIN_ALARM_DELAY_MS) this.#setTimer(due, now);
    else this.#clearTimer();
    return this.#alarm.arm(Math.max(due, now + MIN_ALARM_DELAY_MS));
  }

  /** Sets the alarm after work that failed. */
  retry(): Promise<void> {
    return this.#alarm.arm(Date.now() + RETRY_MS);
  }

  /** There is no alarm any more: it has fired, or was deleted with all of the storage. */
  alarmGone(): void {
    this.#alarm.fired();
  }

  #setTimer(at: number, now: number): void {
    if (at >= this.#timerAt) return;
    this.#clearTimer();
    this.#timerAt = at;
    const onTimer = () => {
      this.#timer = null;
      this.#timerAt = Infinity;
      this.#tick(false);
    };
    this.#timer = setTimeout(onTimer, Math.max(0, at - now));
  }

  #clearTimer(): void {
    // Where none is set, as after most calls, nothing is asked of the platform.
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerAt = Infinity;
  }

  /**
   * A second timer, since waits must end even where the alarm does not fire in time: an alarm
   * follows the wall clock, and setting it is a write that may fail.
   */
  #startWatch(): void {
    this.#watch ??= setTimeout(() => {
      this.#watch = null;
      this.#tick(true);
    }, WATCH_MS);
  }

  #endWatch(): void {
    if (this.#watch !== null) clearTimeout(this.#watch);
    this.#watch = null;
  }
}
