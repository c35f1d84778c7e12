import { LivePosition } from './types';

/**
 * What a viewer sends back to resume: where the change feed stands (the same
 * for every backend) and where this process's live state stands (of no use to
 * another backend, which then sends a snapshot).
 */
export interface EventPosition {
  cursor: string;
  live: LivePosition;
}

/** `<cursor>~<process>.<sequence>`; the cursor is percent-encoded. */
export function formatEventId(position: EventPosition): string {
  const { process, sequence } = position.live;
  return `${encodeURIComponent(position.cursor)}~${process}.${sequence}`;
}

/** `undefined`: not an id of ours; the viewer must fetch everything again. */
export function parseEventId(id: string): EventPosition | undefined {
  const match = /^([^~]*)~([0-9a-f]+)\.(\d{1,15})$/.exec(id);
  if (!match) {
    return undefined;
  }
  const cursor = decode(match[1]);
  if (cursor === undefined) {
    return undefined;
  }
  return { cursor, live: { process: match[2], sequence: Number(match[3]) } };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    // A malformed escape: the caller treats it like any other foreign id.
    if (error instanceof URIError) {
      return undefined;
    }
    throw error;
  }
}
