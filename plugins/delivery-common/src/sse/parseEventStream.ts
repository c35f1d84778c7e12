/** One event of a server-sent event stream. */
export interface ServerSentEvent {
  /** The id in force, also for an event that has none of its own. */
  id?: string;
  event: string;
  data: string;
}

export interface EventStreamHandlers {
  onEvent(event: ServerSentEvent): void;
  /** An id without data: the stream stands here, nothing happened. */
  onId?(id: string): void;
  /** The server asks to wait so long before the next attempt. */
  onRetry?(waitMs: number): void;
}

/** Larger than any event of ours; a stream that exceeds it is not ours. */
const MAX_BUFFER = 4 * 1024 * 1024;

/**
 * Parses a stream piece by piece, as the WHATWG HTML standard says in section
 * 9.2.6 ("Interpreting an event stream"): fields by line, a blank line ends an
 * event, an event without data is not dispatched but its id counts.
 */
export class EventStreamParser {
  readonly #handlers: EventStreamHandlers;
  #buffer = '';
  #started = false;
  #id: string | undefined;
  #event = '';
  #data: string[] = [];
  #sawId = false;

  constructor(handlers: EventStreamHandlers) {
    this.#handlers = handlers;
  }

  push(text: string) {
    this.#buffer += text;
    if (!this.#started && this.#buffer.length > 0) {
      this.#started = true;
      if (this.#buffer.startsWith('\uFEFF')) {
        this.#buffer = this.#buffer.slice(1);
      }
    }
    let end = this.#lineEnd();
    while (end) {
      const line = this.#buffer.slice(0, end.at);
      this.#buffer = this.#buffer.slice(end.at + end.length);
      this.#line(line);
      end = this.#lineEnd();
    }
    if (this.#buffer.length > MAX_BUFFER) {
      throw new Error(
        `The event stream has a line of more than ${MAX_BUFFER} characters`,
      );
    }
  }

  /** CR, LF or CRLF; a CR at the very end may yet become a CRLF. */
  #lineEnd(): { at: number; length: number } | undefined {
    const match = /\r\n|\n|\r(?!$)/.exec(this.#buffer);
    return match ? { at: match.index, length: match[0].length } : undefined;
  }

  #line(line: string) {
    if (line === '') {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) {
      return;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') {
      this.#data.push(value);
    } else if (field === 'event') {
      this.#event = value;
    } else if (field === 'id' && !value.includes('\0')) {
      this.#id = value;
      this.#sawId = true;
    } else if (field === 'retry' && /^\d+$/.test(value)) {
      this.#handlers.onRetry?.(Number(value));
    }
  }

  #dispatch() {
    const data = this.#data;
    const event = this.#event || 'message';
    const sawId = this.#sawId;
    this.#data = [];
    this.#event = '';
    this.#sawId = false;
    if (data.length > 0) {
      this.#handlers.onEvent({ id: this.#id, event, data: data.join('\n') });
    } else if (sawId && this.#id !== undefined) {
      this.#handlers.onId?.(this.#id);
    }
  }
}
