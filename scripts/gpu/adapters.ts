/**
 * The adapters (LoRA) of an emulated endpoint, loaded and unloaded as by vLLM or SGLang: slow, refused
 * where there is no room or no such path, absent where the server was not started for it, and gone
 * after a restart. It counts what a dispatcher must never do.
 */
import { errorBody } from './openai-answers.ts';

export interface AdapterOptions {
  readonly engine: 'vllm' | 'sglang';
  /** Adapters that SGLang holds; vLLM takes any number, and swaps them. */
  readonly most: number;
  /** Model ms that a load takes. */
  readonly loadMs: number;
  /** Paths that hold no adapter. */
  readonly badPaths?: readonly string[];
  /** Adapters that the server was started with. */
  readonly initial?: readonly string[];
  /** The server was not started with leave to load at runtime: it has none of the paths. */
  readonly isOff?: boolean;
}

/** JSON, or plain text. */
export interface AdapterAnswer {
  readonly status: number;
  readonly body: object | string;
}

export interface AdapterCounts {
  readonly held: readonly string[];
  /** Most that were held at a time. */
  readonly mostHeld: number;
  /** Requests to load. */
  readonly asked: number;
  readonly loads: number;
  readonly unloads: number;
  /** Adapters that were unloaded while calls for them ran. */
  readonly unloadedInUse: number;
  /** Calls for adapters that were not there. */
  readonly unknown: number;
}

export class Adapters {
  readonly #options: AdapterOptions;
  readonly #timeScale: number;
  #held = new Map<string, string>();
  readonly #inUse = new Map<string, number>();
  #mostHeld = 0;
  #asked = 0;
  #loads = 0;
  #unloads = 0;
  #unloadedInUse = 0;
  #unknown = 0;
  /** Loads come one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  /** A load that was begun before a restart ends there. */
  #starts = 0;

  constructor(options: AdapterOptions, timeScale: number) {
    this.#options = options;
    this.#timeScale = timeScale;
    this.restart();
  }

  get counts(): AdapterCounts {
    return {
      held: [...this.#held.keys()],
      mostHeld: this.#mostHeld,
      asked: this.#asked,
      loads: this.#loads,
      unloads: this.#unloads,
      unloadedInUse: this.#unloadedInUse,
      unknown: this.#unknown,
    };
  }

  get names(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** The engine starts anew, with the adapters of its command line. */
  restart(): void {
    this.#starts += 1;
    this.#held = new Map((this.#options.initial ?? []).map((name) => [name, 'initial']));
    this.#mostHeld = Math.max(this.#mostHeld, this.#held.size);
  }

  /** The adapter that a call asks for; undefined where its model is none that is there. */
  nameIn(model: string, models: readonly string[]): string | undefined {
    const name = this.#options.engine === 'vllm' ? model : afterBase(model, models);
    if (name === undefined) return undefined;
    if (this.#held.has(name)) return name;
    this.#unknown += 1;
    return undefined;
  }

  /** The answer to a call for one that is not there; undefined where the model is none at all. */
  refusal(
    model: string,
    models: readonly string[],
  ): (AdapterAnswer & { readonly body: object }) | undefined {
    if (this.#options.engine === 'vllm') return undefined;
    const name = afterBase(model, models);
    if (name === undefined) return undefined;
    const loaded = this.names.join(', ');
    const message = `Got LoRA adapter that has never been loaded: ${name}\nAll loaded adapters: ${loaded}.`;
    return { status: 400, body: errorBody(message, 'BadRequest', 400) };
  }

  /** A call for an adapter begins; returns what ends it. */
  enter(name: string): () => void {
    this.#inUse.set(name, (this.#inUse.get(name) ?? 0) + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#inUse.set(name, (this.#inUse.get(name) ?? 1) - 1);
    };
  }

  /** The answer to a request to load or unload; undefined for any other. */
  async answer(method: string, path: string, body: unknown): Promise<AdapterAnswer | undefined> {
    const { engine, isOff } = this.#options;
    const prefix = engine === 'vllm' ? '/v1/' : '/';
    const isLoad = path === `${prefix}load_lora_adapter`;
    if (!isLoad && path !== `${prefix}unload_lora_adapter`) return undefined;
    if (method !== 'POST' || isOff) return { status: 404, body: { detail: 'Not Found' } };
    const { lora_name: name = '', lora_path: source = '' } = (body ?? {}) as Record<string, string>;
    if (isLoad) this.#asked += 1;
    const done = this.#last.then(() => (isLoad ? this.#load(name, source) : this.#unload(name)));
    this.#last = done;
    const { status, text } = await done;
    const success = status === 200;
    if (engine === 'vllm') {
      return { status, body: success ? text : errorBody(text, 'BadRequestError', status) };
    }
    const loaded_adapters = Object.fromEntries(this.#held);
    return { status, body: { success, error_message: success ? '' : text, loaded_adapters } };
  }

  async #load(name: string, path: string): Promise<{ status: number; text: string }> {
    const { engine, most, loadMs, badPaths = [] } = this.#options;
    if (name === '' || path === '') return { status: 400, text: 'lora_name and lora_path needed' };
    if (this.#held.has(name)) {
      const text =
        engine === 'vllm'
          ? `The lora adapter '${name}' has already been loaded. If you want to load the adapter in place, set 'load_inplace' to True.`
          : `LoRA with name ${name} already exists. Loaded LoRAs: ${this.names.join(', ')}`;
      return { status: 400, text };
    }
    if (engine === 'sglang' && this.#held.size >= most) {
      const text = `Cannot load LoRA adapter ${name} at path ${path}. Maximum number of loaded LoRA adapters is ${most}. Please unload some LoRA adapters before loading new ones.`;
      return { status: 400, text };
    }
    const starts = this.#starts;
    await new Promise((resolve) => setTimeout(resolve, loadMs / this.#timeScale));
    if (starts !== this.#starts) return { status: 500, text: 'the engine was restarted' };
    if (badPaths.includes(path)) return { status: 404, text: `No adapter found for ${path}` };
    this.#held.set(name, path);
    this.#loads += 1;
    this.#mostHeld = Math.max(this.#mostHeld, this.#held.size);
    return { status: 200, text: `Success: LoRA adapter '${name}' added successfully.` };
  }

  async #unload(name: string): Promise<{ status: number; text: string }> {
    const { engine } = this.#options;
    if (!this.#held.has(name)) {
      const isVllm = engine === 'vllm';
      const text = isVllm
        ? `The lora adapter '${name}' cannot be found.`
        : `LoRA adapter ${name} does not exist. Loaded LoRAs: ${this.names.join(', ')}`;
      return { status: isVllm ? 404 : 400, text };
    }
    if ((this.#inUse.get(name) ?? 0) > 0) this.#unloadedInUse += 1;
    this.#held.delete(name);
    this.#unloads += 1;
    return { status: 200, text: `Success: LoRA adapter '${name}' removed successfully.` };
  }
}

/** SGLang names an adapter behind its base model: `base:adapter`. */
function afterBase(model: string, models: readonly string[]): string | undefined {
  const base = models.find((name) => model.startsWith(`${name}:`));
  return base === undefined ? undefined : model.slice(base.length + 1);
}
