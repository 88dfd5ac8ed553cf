/** All adapters by their kind. A new platform needs one file in this folder and one entry here. */
import type { EndpointAdapter, EndpointTarget } from './adapter.ts';
import { baseten } from './baseten.ts';
import { huggingFace } from './hugging-face.ts';
import { modal } from './modal.ts';
import { openaiGeneric, openaiWithWakePath } from './openai-generic.ts';
import { runpod, runpodLoadBalancer } from './runpod.ts';
import { vllm } from './vllm.ts';

export const ADAPTERS = {
  'openai-generic': openaiGeneric,
  runpod,
  'runpod-lb': runpodLoadBalancer,
  modal,
  baseten,
  hf: huggingFace,
  vllm,
} as const satisfies Record<string, EndpointAdapter>;

export type EndpointKind = keyof typeof ADAPTERS;

export const ENDPOINT_KINDS = Object.keys(ADAPTERS) as [EndpointKind, ...EndpointKind[]];

/** The adapter of a kind; with `target`, the variant that uses its `wakePath` where it has one. */
export function adapterOf(kind: EndpointKind, target?: Pick<EndpointTarget, 'wakePath'>) {
  const adapter: EndpointAdapter = ADAPTERS[kind];
  return adapter === openaiGeneric && target?.wakePath ? openaiWithWakePath : adapter;
}
