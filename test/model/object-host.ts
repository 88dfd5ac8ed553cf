/**
 * The host of a tenant's object, in place of workerd, in one thread and virtual time: storage (a
 * real SQLite database in memory), one alarm, timers, and an output gate. Each event is a
 * transaction: its writes become durable and its answers are sent together, or neither if the
 * process dies in it.
 */
import { DatabaseSync } from 'node:sqlite';
import { TenantObject } from '../../durable-objects/tenant/tenant.ts';

/** The pause after an alarm that threw. */
const ALARM_RETRY_MS = 2_000;

interface Timer {
  readonly at: number;
  readonly act: () => void;
}

/** `ok` is false without an error if the process died in the event. */
type EventAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error?: unknown };

export class ObjectHost {
  /** Elapsed time in ms; the object's wall clock differs from it by `skewMs`. */
  elapsed = 0;
  skewMs = 0;
  /** The number of writes that fail, after `writesBefore` that succeed. */
  failingWrites = 0;
  writesBefore = 0;
  /** When a write last failed, in elapsed ms. */
  failedAt = -Infinity;
  /** The number of times the alarm was set; each is billed as a written row. */
  alarmsSet = 0;
  /** Rows that were written or deleted, and transactions with such, so far. */
  rowsWritten = 0;
  commits = 0;
  /** The process dies as soon as an answer is held back for a timer. */
  diesWaiting = false;
  /** The number of objects created so far. */
  incarnation = 0;
  readonly #start = 1_800_000_000_000;
  readonly #db = new DatabaseSync(':memory:');
  readonly #statements = new Map<string, ReturnType<DatabaseSync['prepare']>>();
  readonly #timers = new Map<number, Timer>();
  #timerId = 0;
  #hasWritten = false;
  /** Answers of this event, held back until its writes are durable. */
  #outbox: Array<() => void> = [];
  #object: TenantObject | undefined;
  #alarmAt: number | undefined;
  #durableAlarmAt: number | undefined;

  /** The value of Date.now(). */
  get wall(): number {
    return this.clock(this.skewMs);
  }

  /** The time of a clock that is so far ahead of elapsed time, epoch ms. */
  clock(aheadMs: number): number {
    return this.#start + this.elapsed + aheadMs;
  }

  /** Reads the storage from outside the object. */
  rows(sql: string): Array<Record<string, string | number | null>> {
    return this.#prepared(sql).all();
  }

  /**
   * Runs one event of the object, which is created first if there is none. Returns its answer, or
   * that it is lost because the process died.
   */
  async event<T>(act: (object: TenantObject) => Promise<T>, dies = false): Promise<EventAnswer<T>> {
    this.#db.exec('BEGIN');
    const { incarnation } = this;
    const answer: { is?: EventAnswer<T> } = {};
    void this.#answerOf(act).then((is) => {
      answer.is = is;
    });
    await drained();
    if (dies) {
      this.die();
      return { ok: false };
    }
    this.#commit();
    // An answer may wait for a timer; meanwhile the object goes on.
    while (!answer.is) {
      if (this.diesWaiting) {
        this.diesWaiting = false;
        this.die();
      }
      if (incarnation !== this.incarnation) return { ok: false };
      if (this.dueAt === Infinity) throw new Error('an answer that nothing leads to');
      this.elapsed = Math.max(this.elapsed, this.dueAt);
      await this.ring();
    }
    return answer.is;
  }

  #commit(): void {
    this.#db.exec('COMMIT');
    if (this.#hasWritten) this.commits += 1;
    this.#hasWritten = false;
    this.#durableAlarmAt = this.#alarmAt;
    const outbox = this.#outbox;
    this.#outbox = [];
    for (const send of outbox) send();
  }

  /** The process dies: memory and all writes that are not durable are lost. */
  die(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    this.#hasWritten = false;
    this.#alarmAt = this.#durableAlarmAt;
    this.#outbox = [];
    this.#timers.clear();
    this.#object = undefined;
    this.incarnation += 1;
  }

  /** Delivers an answer of the object when the writes of its event are durable. */
  deliver<T>(promise: Promise<T>, to: (value: T) => void, cut: () => void): void {
    const { incarnation } = this;
    const send = (act: () => void) => {
      if (incarnation === this.incarnation) this.#outbox.push(act);
    };
    promise.then(
      (value) => send(() => to(value)),
      () => send(cut),
    );
  }

  /** The time of the next timer or alarm, in elapsed ms. */
  get dueAt(): number {
    let due = this.#alarmAt === undefined ? Infinity : this.#alarmAt - this.#start - this.skewMs;
    for (const timer of this.#timers.values()) due = Math.min(due, timer.at);
    return due;
  }

  /** Runs the timers and the alarm that are due. */
  async ring(): Promise<void> {
    for (const [id, timer] of this.#timers) {
      if (timer.at > this.elapsed) continue;
      this.#timers.delete(id);
      await this.event(async () => timer.act());
    }
    if (this.#alarmAt === undefined || this.#alarmAt > this.wall) return;
    this.#alarmAt = undefined;
    const rang = await this.event((object) => object.alarm());
    if (!rang.ok) this.#alarmAt = this.wall + ALARM_RETRY_MS;
    this.#durableAlarmAt = this.#alarmAt;
  }

  /** Replaces the global setTimeout for the object. */
  readonly setTimeout = (act: () => void, ms = 0): number => {
    this.#timerId += 1;
    this.#timers.set(this.#timerId, { at: this.elapsed + ms, act });
    return this.#timerId;
  };

  readonly clearTimeout = (id: number): void => {
    this.#timers.delete(id);
  };

  close(): void {
    this.#db.close();
  }

  async #answerOf<T>(act: (object: TenantObject) => Promise<T>): Promise<EventAnswer<T>> {
    try {
      return { ok: true, value: await act(this.#made()) };
    } catch (error) {
      return { ok: false, error };
    }
  }

  #made(): TenantObject {
    if (this.#object) return this.#object;
    const ctx = {
      id: { name: 'tenant' },
      storage: this.#storage(),
      // No page of the console is open.
      getWebSockets: () => [],
      waitUntil: (promise: Promise<unknown>) => void promise.catch(() => {}),
    };
    const env = {
      TENANTS: { get: async () => null },
      METRICS: { getByName: () => ({ put: async () => {}, forget: async () => {} }) },
      ENVIRONMENT: 'development',
    };
    this.#object = new TenantObject(ctx as unknown as DurableObjectState, env as unknown as Env);
    return this.#object;
  }

  #storage(): object {
    return {
      sql: {
        databaseSize: 0,
        exec: (query: string, ...params: Array<string | number | null>) =>
          this.#exec(query, params),
      },
      setAlarm: async (at: number) => {
        this.alarmsSet += 1;
        this.#alarmAt = at;
      },
      deleteAlarm: async () => {
        this.#alarmAt = undefined;
      },
      deleteAll: async () => {
        for (const { name } of this.#prepared(
          "SELECT name FROM sqlite_master WHERE type = 'table'",
        ).all())
          this.#db.exec(`DROP TABLE ${name}`);
        this.#statements.clear();
      },
      transactionSync: (act: () => void) => {
        this.#db.exec('SAVEPOINT inner_one');
        try {
          act();
          this.#db.exec('RELEASE inner_one');
        } catch (error) {
          this.#db.exec('ROLLBACK TO inner_one; RELEASE inner_one');
          throw error;
        }
      },
    };
  }

  #exec(query: string, params: Array<string | number | null>) {
    if (this.failingWrites > 0 && /^\s*(INSERT|UPDATE|DELETE)/.test(query)) {
      if (this.writesBefore > 0) this.writesBefore -= 1;
      else this.#fail();
    }
    if (query.includes(';')) {
      this.#db.exec(query);
      return [];
    }
    if (/^\s*(INSERT|UPDATE|DELETE)/.test(query)) {
      const written = Number(this.#prepared(query).run(...params).changes);
      this.rowsWritten += written;
      if (written > 0) this.#hasWritten = true;
      return [];
    }
    const rows = this.#prepared(query).all(...params);
    return Object.assign(rows, { one: () => rows[0], toArray: () => rows });
  }

  #fail(): never {
    this.failingWrites -= 1;
    this.failedAt = this.elapsed;
    throw new Error('database or disk is full: SQLITE_FULL');
  }

  #prepared(query: string) {
    let statement = this.#statements.get(query);
    if (!statement) {
      statement = this.#db.prepare(query);
      this.#statements.set(query, statement);
    }
    return statement;
  }
}

const immediate = (globalThis as unknown as { setImmediate: (act: () => void) => void })
  .setImmediate;

/** Resolves when everything that needs no time to pass has been done. */
function drained(): Promise<void> {
  return new Promise((resolve) => immediate(resolve));
}
