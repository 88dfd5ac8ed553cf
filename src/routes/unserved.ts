/**
 * Paths of OpenAI's and Anthropic's APIs that are known and not served: the answer says so in a
 * sentence, where a client would else look for a mistake in its base URL.
 */
const KEEPS_NOTHING = 'nothing is kept here, so send the whole input with each call';

/** What stands at the beginning of the path after `/v1`, and what the answer says of it. */
export const UNSERVED: ReadonlyArray<readonly [path: string, what: string]> = [
  ['conversations', `Conversations are not served: ${KEEPS_NOTHING}.`],
  ['threads', `Threads are not served: ${KEEPS_NOTHING}.`],
  ['assistants', `Assistants are not served: ${KEEPS_NOTHING}.`],
  ['realtime', 'Realtime sessions are not served: call /v1/responses or /v1/chat/completions.'],
  [
    'messages/batches',
    "Anthropic's message batches are not served: order /v1/jobs or /v1/batches.",
  ],
  ['complete', "Anthropic's text completions are not served: call /v1/messages."],
  ['uploads', 'Uploads in parts are not served: upload the file to /v1/files.'],
  ['vector_stores', 'Vector stores are not served: call a tool of your own at /v1/backends/NAME.'],
  ['containers', 'Containers are not served: call a tool of your own at /v1/backends/NAME.'],
  ['fine_tuning', 'Fine-tuning is not served: models are called here, and not trained.'],
  ['evals', 'Evals are not served: models are called here, and not judged.'],
  ['videos', 'Videos are not served: call the backend by its name at /v1/backends/NAME.'],
  ['chatkit', 'ChatKit is not served.'],
  ['skills', 'Skills are not served.'],
  ['organization', 'The administration of an organization is not served: see /admin.'],
];

/** The sentence for a path that is known and not served; undefined for any other. */
export function unservedMessage(path: string): string | undefined {
  return UNSERVED.find(([beginning]) => `${path}/`.startsWith(`/v1/${beginning}/`))?.[1];
}
