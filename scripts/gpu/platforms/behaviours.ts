/**
 * The documented behaviour of each platform (its documentation of autumn 2026), as far as an
 * endpoint adapter relies on it. A call is a POST to `…/chat/completions`. The server is in
 * platform.ts.
 */
import { type Behaviour, COMPLETION } from './platform.ts';

const isCall = (request: { method: string; path: string }) =>
  request.method === 'POST' && request.path.endsWith('/chat/completions');
const json = (status: number, value: object) => ({ status, body: JSON.stringify(value) });
const LOADING = json(503, { error: { message: 'Loading model', code: 503 } });

/** llama.cpp and other engines on a platform that starts them: 503 until the model is loaded. */
export const generic: Behaviour = {
  callsAt: '/v1',
  answer: (request, state) => (state === 'up' || !isCall(request) ? COMPLETION : LOADING),
  wakes: isCall,
};

/** vLLM in sleep mode: while it sleeps it accepts calls and fails them. */
export const vllm: Behaviour = {
  callsAt: '/v1',
  answer(request, state) {
    if (request.path === '/is_sleeping') return json(200, { is_sleeping: state === 'cold' });
    if (isCall(request)) return state === 'up' ? COMPLETION : LOADING;
    return { status: 200 };
  },
  wakes: ({ method, path }) => method === 'POST' && path.startsWith('/wake_up'),
  sleeps: ({ method, path }) => method === 'POST' && path.startsWith('/sleep'),
};

/**
 * RunPod's queue endpoint. The real one lets jobs wait for a worker; here a call gets 503 until a
 * worker is ready.
 */
export const runpod: Behaviour = {
  callsAt: '/v2/abc123/openai/v1',
  answer(request, state) {
    if (request.path === '/v2/abc123/health') {
      const workers = {
        idle: state === 'up' ? 1 : 0,
        initializing: state === 'waking' ? 1 : 0,
        ready: state === 'up' ? 1 : 0,
        running: 0,
        throttled: 0,
      };
      return json(200, { jobs: { completed: 0, inProgress: 0, inQueue: 0 }, workers });
    }
    return state === 'up' ? COMPLETION : json(503, { error: 'no worker yet' });
  },
  wakes: isCall,
};

/**
 * RunPod's load balancer: `/ping` answers 204 while a worker initialises, and an error if there is
 * none.
 */
export const runpodLoadBalancer: Behaviour = {
  callsAt: '/v1',
  answer(request, state) {
    if (request.path === '/ping') return { status: { cold: 502, waking: 204, up: 200 }[state] };
    return state === 'up' ? COMPLETION : json(400, { error: 'no workers available' });
  },
  wakes: () => true,
};

/** Modal: redirects a call with 303 to the same path while its container starts. */
export const modal: Behaviour = {
  callsAt: '/v1',
  answer: (request, state) =>
    state === 'up'
      ? COMPLETION
      : {
          status: 303,
          headers: { location: `${request.path.split('?')[0]}?__modal_function_call_id=fc-1` },
        },
  wakes: () => true,
};

/** Baseten: status from the management API, `POST …/wake`, and 504 while the model loads. */
export const baseten: Behaviour = {
  callsAt: '/environments/production/sync/v1',
  answer(request, state) {
    if (request.path.startsWith('/v1/models/')) {
      const status = { cold: 'SCALED_TO_ZERO', waking: 'WAKING_UP', up: 'ACTIVE' }[state];
      return json(200, { id: 'd1', status });
    }
    if (request.path === '/production/wake') return json(202, {});
    return state === 'up' ? COMPLETION : json(504, { error: 'model is not ready' });
  },
  wakes: ({ method, path }) => method === 'POST' && path === '/production/wake',
};

/** Hugging Face: 503 while scaled to zero, 502 while a replica starts. */
export const huggingFace: Behaviour = {
  callsAt: '/v1',
  answer(_request, state) {
    if (state === 'up') return COMPLETION;
    return state === 'cold'
      ? json(503, { error: '503 Service Unavailable' })
      : json(502, { error: 'Bad Gateway' });
  },
  wakes: () => true,
};
