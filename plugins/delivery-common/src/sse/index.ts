export { EventStreamParser } from './parseEventStream';
export type { EventStreamHandlers, ServerSentEvent } from './parseEventStream';
