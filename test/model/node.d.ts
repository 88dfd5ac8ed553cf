/** Types of what the model uses of Node; the rest of the project is typed for workerd. */
declare module 'node:sqlite' {
  type Value = string | number | null;
  export class DatabaseSync {
    constructor(path: string);
    readonly isTransaction: boolean;
    exec(sql: string): void;
    prepare(sql: string): {
      all(...params: Value[]): Array<Record<string, Value>>;
      run(...params: Value[]): { readonly changes: number | bigint };
    };
    run(...params: Value[]): { readonly changes: number | bigint };
    close(): void;
  }
}
declare const process: { readonly env: Readonly<Record<string, string | undefined>> };
declare module 'node:async_hooks' {
  export class AsyncLocalStorage<T> {
    run<R>(store: T, act: () => R): R;
    getStore(): T | undefined;
  }
}
