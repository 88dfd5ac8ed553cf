/**
 * Errors about the account of an endpoint's key, by whatever status: no wait cures them, and the
 * endpoint is up. Among them those that look so and are limits which pass, or a client's own words.
 */
import type { UpstreamAnswer } from './judged-answer.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const error = (value: unknown) => JSON.stringify({ error: value });

type Case = Omit<UpstreamAnswer, 'is' | 'headers'>;

/** Errors of the account. */
const DENIED: readonly Case[] = [
  {
    who: 'OpenAI: an account without credit, with 429',
    status: 429,
    body: error({
      message: 'You exceeded your current quota, please check your plan and billing details.',
      type: 'insufficient_quota',
      param: null,
      code: 'insufficient_quota',
    }),
    tells: 'You exceeded your current quota',
  },
  {
    who: 'OpenAI in 2023: the same, by its type alone',
    status: 429,
    body: error({ message: 'You exceeded it.', type: 'insufficient_quota', code: null }),
  },
  {
    who: 'LiteLLM: the same, with the number as its code',
    status: 429,
    body: error({
      message: 'litellm.RateLimitError: OpenAIException - You exceeded your current quota',
      type: 'insufficient_quota',
      param: null,
      code: '429',
    }),
  },
  {
    who: 'OpenAI: a hard limit of images, with 400',
    status: 400,
    body: error({
      message: 'Billing hard limit has been reached',
      type: 'invalid_request_error',
      param: null,
      code: 'billing_hard_limit_reached',
    }),
  },
  {
    who: 'OpenAI: billing is not set up, with 429',
    status: 429,
    body: error({
      message: 'Your account is not active, please check your billing details on our website.',
      type: 'billing_not_active',
      param: null,
      code: 'billing_not_active',
    }),
  },
  {
    who: 'OpenAI Responses: no credit, under a status of success',
    body: error({ message: 'You exceeded it.', code: 'insufficient_quota' }),
  },
  {
    who: 'OpenAI Responses: no credit, as an event',
    streams: true,
    format: 'responses',
    body: 'event: error\ndata: {"type":"error","code":"insufficient_quota","message":"You exceeded your current quota","param":null}\n\n',
  },
  {
    who: 'Anthropic: its limit of a month, with 400',
    status: 400,
    format: 'messages',
    body: JSON.stringify({
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message:
          'You have reached your specified API usage limits. You will regain access on 2026-12-01.',
      },
    }),
  },
  {
    who: 'Anthropic: no payment, with 402',
    status: 402,
    format: 'messages',
    body: JSON.stringify({ type: 'error', error: { type: 'billing_error', message: 'Pay.' } }),
  },
  {
    who: 'xAI: a team without credits, with 429',
    status: 429,
    body: JSON.stringify({
      code: 'Some resource has been exhausted',
      error:
        'Your team 16f2151a-40f4-4a80-8ad0-cae00c27e8dd has either used all available credits or reached its monthly spending limit.',
    }),
  },
  {
    who: 'Moonshot: an account without balance, with 429',
    status: 429,
    body: error({
      message: 'Your account org-1 is suspended, please check your plan and billing details',
      type: 'exceeded_current_quota_error',
    }),
  },
  {
    who: 'one-api: a user without quota, with 403',
    status: 403,
    body: error({
      message: 'user quota is not enough',
      type: 'one_api_error',
      code: 'insufficient_user_quota',
    }),
  },
  {
    who: 'OpenRouter: the limit of its key, with 403',
    status: 403,
    body: error({ message: 'Key limit exceeded (monthly limit).', code: 403 }),
  },
  {
    who: 'DashScope: an account in arrears, with 400',
    status: 400,
    body: JSON.stringify({ code: 'Arrearage', message: 'Access denied, check your account.' }),
  },
  {
    who: 'Modal: a workspace that has spent its limit',
    status: 429,
    kind: 'modal',
    body: 'modal-http: Webhook failed: workspace billing cycle spend limit reached',
  },
  { who: 'RunPod, Baseten and Hugging Face: 402 without words', status: 402, body: '' },
  {
    who: 'Hugging Face: no credits left',
    status: 402,
    kind: 'hf',
    body: JSON.stringify({ error: 'You have exceeded your monthly included credits.' }),
  },
  {
    who: 'Gemini: a wrong key, with 400: it is up',
    status: 400,
    body: JSON.stringify([
      { error: { code: 400, message: 'API key not valid. Please.', status: 'INVALID_ARGUMENT' } },
    ]),
  },
];

/** Limits that pass by waiting. */
const BUSY: readonly Case[] = [
  {
    who: 'Gemini: a limit of a minute, in the words of an empty account',
    status: 429,
    body: error({
      code: 429,
      message: 'You exceeded your current quota, please check your plan and billing details.',
      status: 'RESOURCE_EXHAUSTED',
    }),
  },
  {
    who: 'DashScope: a limit of a minute, by the code of an empty account',
    status: 429,
    body: error({
      message: 'Allocated quota exceeded, please increase your quota limit.',
      type: 'insufficient_quota',
      code: 'insufficient_quota',
    }),
  },
  {
    who: 'a rate limit that quotes the word later',
    status: 429,
    body: error({
      message: 'Rate limit reached for user "insufficient_quota", unlike insufficient_quota.',
      type: 'requests',
      code: 'rate_limit_exceeded',
    }),
  },
];

/** The client's own. */
const THEIRS: readonly Case[] = [
  {
    who: 'a client that quotes an empty account is not believed',
    status: 400,
    body: error({
      message: 'Invalid value: "Your credit balance is too low", insufficient_quota',
      type: 'invalid_request_error',
      code: 'invalid_value',
    }),
  },
  {
    who: 'a tool that has a quota of its own',
    status: 402,
    isTool: true,
    body: error({ message: 'x', code: 'insufficient_quota' }),
  },
];

export const ACCOUNTS: readonly UpstreamAnswer[] = [
  ...DENIED.map((one) => ({ ...one, is: 'broken' as const, isUp: true as const })),
  ...BUSY.map((one) => ({ ...one, is: 'busy' as const })),
  ...THEIRS.map((one) => ({ ...one, is: 'theirs' as const })),
].map((one) => ({
  headers: one.streams ? { 'content-type': 'text/event-stream' } : JSON_TYPE,
  ...one,
}));
