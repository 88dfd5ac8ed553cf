/** Takes the endpoint's key out of the errors that it reports in a stream, up to a bound. */
import { ENCODER } from '../../http/encoder.ts';
import { hasKey, withoutKey } from '../../http/key-mask.ts';

/** Most bytes of events with errors that are searched for the key: a stream of more is ended. */
const MAX_ERROR_BYTES = 262_144;
/** An error that is no string in content, where its quotes would be escaped. */
const ERROR = /"error"\s*:\s*[{"]|"object"\s*:\s*"error"/;

const DECODER = new TextDecoder();

export class ErrorMask {
  readonly #key: string | undefined;
  #bytes = 0;

  constructor(key: string | undefined) {
    this.#key = key;
  }

  /** True where an event with this data may quote the key. */
  concerns(data: string | undefined, hasFailed: boolean): boolean {
    if (this.#key === undefined) return false;
    return hasFailed || (data?.includes('"error"') === true && ERROR.test(data));
  }

  /** The event with the key taken out; `clean` where it has none, `too-long` beyond the bound. */
  mask(event: Uint8Array): Uint8Array | 'clean' | 'too-long' {
    this.#bytes += event.length;
    if (this.#bytes > MAX_ERROR_BYTES) return 'too-long';
    const text = DECODER.decode(event);
    return hasKey(text, this.#key) ? ENCODER.encode(withoutKey(text, this.#key)) : 'clean';
  }
}
