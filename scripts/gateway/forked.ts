/** A script in a process of its own, which answers each message with one message. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export class Forked<Question, Answer> {
  readonly #child: ChildProcess;

  constructor(script: string) {
    this.#child = fork(fileURLToPath(new URL(script, import.meta.url)));
  }

  /** The next message; rejects if the process ends first. */
  async next<T>(): Promise<T> {
    const gone = new AbortController();
    const ended = once(this.#child, 'exit', { signal: gone.signal }).then(([code]) => {
      throw new Error(`a process of the benchmark ended with ${code}`);
    });
    try {
      const [message] = await Promise.race([once(this.#child, 'message'), ended]);
      return message as T;
    } finally {
      gone.abort();
      await ended.catch(() => {});
    }
  }

  ask(question: Question): Promise<Answer> {
    const answer = this.next<Answer>();
    this.#child.send(question as object);
    return answer;
  }

  stop(): void {
    this.#child.disconnect();
  }
}
