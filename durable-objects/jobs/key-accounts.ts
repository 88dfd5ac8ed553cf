/**
 * What each API key has stored and under way in a tenant's jobs object. The bounds of a key and of
 * the tenant are checked against these sums (job-bounds.ts). They are kept in memory and in the
 * table `accounts`, which is written in the transaction that changes them.
 */

/** An API key as the owner of jobs, batches and files. */
export interface KeyOwner {
  readonly keyId: string;
  /** SHA-256 of the key, in hex: a key that is replaced under its id has another account. */
  readonly keyHash: string;
}

export interface Account {
  /** Bytes of rows, bodies, answers and files, as they are stored. */
  readonly bytes: number;
  /** Jobs that have not ended, lines of batches included. */
  readonly jobs: number;
  /** Batches that have not ended. */
  readonly batches: number;
  readonly files: number;
}

/** The hash of keys from before hashes were stored: what they own counts for no present key. */
export const UNKNOWN_KEY = '';

const NOTHING: Account = { bytes: 0, jobs: 0, batches: 0, files: 0 };
const COUNTS = ['bytes', 'jobs', 'batches', 'files'] as const;

/** A row of the table `accounts`, as its columns are declared. */
type TableRow = {
  readonly key_hash: string;
  readonly key_id: string;
} & { readonly [count in keyof Account]: number };

export class KeyAccounts {
  readonly #sql: SqlStorage;
  #accounts: Map<string, Account & { readonly keyId: string }> | undefined;
  #total: Account = NOTHING;
  readonly #changed = new Set<string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The sums of all keys. */
  get total(): Account {
    this.#loaded();
    return this.#total;
  }

  of(keyHash: string): Account {
    return this.#loaded().get(keyHash) ?? NOTHING;
  }

  /** The accounts that are not empty. */
  all(): Array<Account & { readonly keyId: string; readonly keyHash: string }> {
    return [...this.#loaded()].map(([keyHash, account]) => ({ keyHash, ...account }));
  }

  /** Adds to an account; `keyId` names it where it is new. To be followed by `save`. */
  add(keyHash: string, more: Partial<Account>, keyId = ''): void {
    const accounts = this.#loaded();
    const before = accounts.get(keyHash) ?? { ...NOTHING, keyId };
    accounts.set(keyHash, { ...sumOf(before, more), keyId: before.keyId || keyId });
    this.#total = sumOf(this.#total, more);
    this.#changed.add(keyHash);
  }

  /** Writes what has changed; to be called at the end of each transaction. */
  save(): void {
    for (const keyHash of this.#changed) {
      const account = this.#loaded().get(keyHash);
      if (!account || COUNTS.every((count) => account[count] === 0)) {
        this.#accounts?.delete(keyHash);
        this.#sql.exec('DELETE FROM accounts WHERE key_hash = ?', keyHash);
      } else {
        const { keyId, bytes, jobs, batches, files } = account;
        this.#sql.exec(
          'INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?, ?)',
          ...[keyHash, keyId, bytes, jobs, batches, files],
        );
      }
    }
    this.#changed.clear();
  }

  /** To be called after a transaction was rolled back: the table has what is true. */
  reload(): void {
    this.#accounts = undefined;
    this.#changed.clear();
  }

  #loaded(): Map<string, Account & { readonly keyId: string }> {
    if (this.#accounts) return this.#accounts;
    const accounts = new Map<string, Account & { readonly keyId: string }>();
    this.#total = NOTHING;
    const rows = this.#sql.exec<TableRow>('SELECT * FROM accounts').toArray();
    for (const { key_hash, key_id: keyId, ...counts } of rows) {
      const account = { keyId, ...counts };
      accounts.set(key_hash, account);
      this.#total = sumOf(this.#total, account);
    }
    this.#accounts = accounts;
    return accounts;
  }
}

function sumOf(a: Account, b: Partial<Account>): Account {
  const { bytes = 0, jobs = 0, batches = 0, files = 0 } = b;
  return {
    bytes: a.bytes + bytes,
    jobs: a.jobs + jobs,
    batches: a.batches + batches,
    files: a.files + files,
  };
}
