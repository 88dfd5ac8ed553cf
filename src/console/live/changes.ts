/** How often the stream has told that something of a topic changed: screens ask again when it rises. */
import { type Signal, signal } from '@preact/signals';
import { STREAM_TOPICS, type StreamTopic } from '../../protocol/console/stream.ts';

export const changes = Object.fromEntries(
  STREAM_TOPICS.map((topic) => [topic, signal(0)]),
) as Record<StreamTopic, Signal<number>>;

export function changed(topic: StreamTopic): void {
  changes[topic].value += 1;
}
