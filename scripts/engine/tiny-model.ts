/**
 * Makes a language model of random weights that llama.cpp loads: it says nothing sensible, but it
 * takes time for each token, fills a cache, follows grammars and chat templates as a real one does.
 * The weights are seeded, so each file of the same size is the same.
 */
import { type GgufTensor, type GgufValue, writeGguf } from './gguf.ts';
import { BOS_ID, EOS_ID, TOOL_CALL_ID, UNKNOWN_ID, vocabulary } from './vocabulary.ts';

/** The size of a model, which decides how long a token takes. */
export interface ModelSize {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly contextLength: number;
}

/** About half a millisecond a token on one thread of a usual processor. */
const USUAL_SIZE: ModelSize = { width: 192, layers: 3, heads: 6, contextLength: 8_192 };

/** Several times as fast. */
export const SMALL_SIZE: ModelSize = { width: 96, layers: 2, heads: 3, contextLength: 8_192 };

/**
 * ChatML with tools in the form of Hermes, which llama.cpp recognises by the template's output.
 */
const CHAT_TEMPLATE = `{%- if tools %}<|im_start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content }}

{% endif %}# Tools
<tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools>
For each call return <tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% elif messages[0].role == 'system' %}<|im_start|>system
{{ messages[0].content }}<|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% elif message.role == 'assistant' %}<|im_start|>assistant
{% if message.content %}{{ message.content }}{% endif %}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% elif message.role == 'tool' %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}`;

const SEED = 20_261;
/** The dimension whose value is the same for every token, through which tokens have a bias. */
const BIAS_DIMENSION = 0;
const BIAS_INPUT = 1;
/** The dimension by which the token that begins a call of a tool is followed by a new line. */
const FOLLOW_DIMENSION = 1;
const FOLLOW_INPUT = 60;
const FOLLOW_OUTPUT = 20;

/** What a model is for. */
export type ModelKind = 'chat' | 'rerank';

/** Writes the model; `kind` `rerank` has a head that scores pairs of texts. */
export async function writeTinyModel(
  path: string,
  kind: ModelKind = 'chat',
  size: ModelSize = USUAL_SIZE,
): Promise<void> {
  // Of llama.cpp's architectures that are like Llama, Qwen 3 has a head for ranking.
  const architecture = kind === 'chat' ? 'llama' : 'qwen3';
  await writeGguf(path, metadata(architecture, kind, size), tensors(kind, size));
}

function metadata(
  architecture: string,
  kind: ModelKind,
  { width, layers, heads, contextLength }: ModelSize,
): Record<string, GgufValue> {
  const { texts, scores, kinds } = vocabulary();
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const string = (value: string): GgufValue => ({ type: 'string', value });
  const bool = (value: boolean): GgufValue => ({ type: 'bool', value });
  return {
    'general.architecture': string(architecture),
    'general.name': string('tiny random model'),
    [`${architecture}.vocab_size`]: u32(texts.length),
    [`${architecture}.context_length`]: u32(contextLength),
    [`${architecture}.embedding_length`]: u32(width),
    [`${architecture}.block_count`]: u32(layers),
    [`${architecture}.feed_forward_length`]: u32(width * 4),
    [`${architecture}.attention.head_count`]: u32(heads),
    [`${architecture}.attention.head_count_kv`]: u32(heads),
    [`${architecture}.attention.key_length`]: u32(width / heads),
    [`${architecture}.attention.value_length`]: u32(width / heads),
    [`${architecture}.rope.dimension_count`]: u32(width / heads),
    [`${architecture}.attention.layer_norm_rms_epsilon`]: { type: 'f32', value: 1e-5 },
    ...(kind === 'rerank' ? { [`${architecture}.pooling_type`]: u32(4) } : {}),
    'tokenizer.ggml.model': string('llama'),
    'tokenizer.ggml.tokens': { type: 'array', of: 'string', value: texts },
    'tokenizer.ggml.scores': { type: 'array', of: 'f32', value: scores },
    'tokenizer.ggml.token_type': { type: 'array', of: 'i32', value: kinds },
    'tokenizer.ggml.bos_token_id': u32(BOS_ID),
    'tokenizer.ggml.eos_token_id': u32(EOS_ID),
    'tokenizer.ggml.unknown_token_id': u32(UNKNOWN_ID),
    'tokenizer.ggml.add_bos_token': bool(true),
    'tokenizer.ggml.add_eos_token': bool(false),
    // With a space before the first word, grammars that hold the template's words would not match.
    'tokenizer.ggml.add_space_prefix': bool(false),
    'tokenizer.chat_template': string(CHAT_TEMPLATE),
  };
}

function tensors(kind: ModelKind, { width, layers, heads }: ModelSize): GgufTensor[] {
  const { texts, biases } = vocabulary();
  const random = seededUniform(SEED);
  const matrix = (inputs: number, outputs: number): GgufTensor['values'] => {
    // Of this spread, each output has the spread of the inputs.
    const spread = Math.sqrt(3 / inputs);
    return () => Float32Array.from({ length: inputs * outputs }, () => random() * spread);
  };
  /** A matrix that leaves the dimensions with a meaning as they are. */
  const residual = (inputs: number): GgufTensor['values'] => {
    const make = matrix(inputs, width);
    return () => make().fill(0, BIAS_DIMENSION * inputs, (FOLLOW_DIMENSION + 1) * inputs);
  };
  const ones = (length: number) => () => new Float32Array(length).fill(1);
  const all: GgufTensor[] = [
    {
      name: 'token_embd.weight',
      shape: [width, texts.length],
      values: () => {
        const table = matrix(1, width * texts.length)();
        for (let id = 0; id < texts.length; id += 1) {
          table[id * width + BIAS_DIMENSION] = BIAS_INPUT;
          table[id * width + FOLLOW_DIMENSION] = id === TOOL_CALL_ID ? FOLLOW_INPUT : 0;
        }
        return table;
      },
    },
  ];
  for (let layer = 0; layer < layers; layer += 1) {
    const add = (name: string, shape: readonly number[], values: GgufTensor['values']) =>
      all.push({ name: `blk.${layer}.${name}.weight`, shape, values });
    add('attn_norm', [width], ones(width));
    add('attn_q', [width, width], matrix(width, width));
    add('attn_k', [width, width], matrix(width, width));
    add('attn_v', [width, width], matrix(width, width));
    add('attn_output', [width, width], residual(width));
    if (kind === 'rerank') {
      add('attn_q_norm', [width / heads], ones(width / heads));
      add('attn_k_norm', [width / heads], ones(width / heads));
    }
    add('ffn_norm', [width], ones(width));
    add('ffn_gate', [width, width * 4], matrix(width, width * 4));
    add('ffn_up', [width, width * 4], matrix(width, width * 4));
    add('ffn_down', [width * 4, width], residual(width * 4));
  }
  all.push({ name: 'output_norm.weight', shape: [width], values: ones(width) });
  all.push({
    name: 'output.weight',
    shape: [width, texts.length],
    values: () => {
      const table = matrix(width, texts.length)();
      for (let id = 0; id < texts.length; id += 1) {
        table[id * width + BIAS_DIMENSION] = biases[id] ?? 0;
        table[id * width + FOLLOW_DIMENSION] = texts[id] === '<0x0A>' ? FOLLOW_OUTPUT : 0;
      }
      return table;
    },
  });
  if (kind === 'rerank') {
    all.push({ name: 'cls.output.weight', shape: [width, 1], values: matrix(width, 1) });
  }
  return all;
}

/** Uniform numbers from -1 to 1, by mulberry32. */
function seededUniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}
