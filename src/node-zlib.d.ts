/** The part of the runtime's `node:zlib` that is used: Node's own types clash with the Worker's. */
declare module 'node:zlib' {
  type Decoder = import('./http/decoded-body.ts').Decoder;
  interface Options {
    readonly chunkSize?: number;
    readonly params?: Readonly<Record<number, number>>;
  }
  export const constants: { readonly ZSTD_d_windowLogMax: number };
  export function createGunzip(options?: Options): Decoder;
  export function createInflate(options?: Options): Decoder;
  export function createInflateRaw(options?: Options): Decoder;
  export function createBrotliDecompress(options?: Options): Decoder;
  export function createZstdDecompress(options?: Options): Decoder;
}
