import { appendFile, rename, stat } from 'node:fs/promises';
import { isError } from '@backstage/errors';
import { LogChunk, LogLine } from '@slipway/backstage-plugin-delivery-common';
import { isMissing, readTextIfThere } from './files';

/*
 * The log of one target: the lines of all its instances in the order in which
 * they were read, each with a number that only grows. The number is the
 * offset, so a reader goes on exactly where it stopped, also behind a restart
 * of slipway-locald. Bounded in memory and on disk; what fell off is counted.
 */

const MAX_LINES = 10_000;
const MAX_LINE_LENGTH = 16_384;
/** Generations of which the role is remembered, those that are gone too. */
const MAX_TRACKS = 50;
const MAX_FILE_BYTES = 4 * 1024 * 1024;

export interface LogEntry {
  seq: number;
  atMs: number;
  text: string;
  stream: 'stdout' | 'stderr' | 'system';
  instance: string;
  generation: string;
  /** The role of the generation when the line was written. */
  track?: string;
  /** How far the instance's raw output had been read, for going on. */
  offset?: number;
}

export class TargetLog {
  private entries: LogEntry[] = [];
  private lastSeq = 0;
  private readonly waiting = new Set<() => void>();
  private unwritten: string[] = [];
  private writing: Promise<void> | undefined;
  private closed = false;
  private readonly tracks = new Map<string, string>();

  private constructor(
    private readonly path: string,
    private readonly onError: (error: unknown) => void,
  ) {}

  static async open(
    path: string,
    onError: (error: unknown) => void,
  ): Promise<TargetLog> {
    const log = new TargetLog(path, onError);
    for (const file of [`${path}.1`, path]) {
      for (const line of (await readTextIfThere(file))?.split('\n') ?? []) {
        const entry = parseEntry(line);
        if (entry && entry.seq > log.lastSeq) {
          log.entries.push(entry);
          log.lastSeq = entry.seq;
        }
      }
    }
    log.entries.splice(0, log.entries.length - MAX_LINES);
    return log;
  }

  /**
   * Lines that a generation writes from now on carry this role. A generation
   * that is being taken away keeps its last one.
   */
  setTrack(generation: string, track: string): void {
    this.tracks.delete(generation);
    this.tracks.set(generation, track);
    const oldest = this.tracks.keys().next();
    if (this.tracks.size > MAX_TRACKS && !oldest.done) {
      this.tracks.delete(oldest.value);
    }
  }

  append(entry: Omit<LogEntry, 'seq' | 'atMs' | 'track'>): void {
    this.lastSeq += 1;
    const track = this.tracks.get(entry.generation);
    const line: LogEntry = {
      ...entry,
      ...(track !== undefined && { track }),
      text: entry.text.slice(0, MAX_LINE_LENGTH),
      seq: this.lastSeq,
      atMs: Date.now(),
    };
    this.entries.push(line);
    if (this.entries.length > MAX_LINES) {
      this.entries.splice(0, this.entries.length - MAX_LINES);
    }
    this.unwritten.push(`${JSON.stringify(line)}\n`);
    this.writing = this.writing ?? this.flush();
    for (const wake of this.waiting) {
      wake();
    }
  }

  /** The last lines of one instance, as evidence. */
  tail(instance: string, count: number): string[] {
    return this.entries
      .filter(entry => entry.instance === instance && entry.stream !== 'system')
      .slice(-count)
      .map(entry => entry.text);
  }

  /** How far the raw outputs of an instance had been read. */
  offsets(instance: string): { stdout: number; stderr: number } {
    const last = (stream: string) =>
      this.entries.findLast(
        entry => entry.instance === instance && entry.stream === stream,
      )?.offset ?? 0;
    return { stdout: last('stdout'), stderr: last('stderr') };
  }

  /** Answers at once when there is news, else after `waitMs` or the signal. */
  async read(
    request: {
      instance?: string;
      generation?: string;
      after?: number;
      limit: number;
      waitMs: number;
    },
    signal: AbortSignal,
  ): Promise<LogChunk> {
    const deadlineMs = Date.now() + request.waitMs;
    for (;;) {
      const chunk = this.chunk(request);
      const leftMs = deadlineMs - Date.now();
      if (
        chunk.lines.length > 0 ||
        leftMs <= 0 ||
        signal.aborted ||
        this.closed
      ) {
        return chunk;
      }
      await this.news(leftMs, signal);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const wake of this.waiting) {
      wake();
    }
    await this.writing;
  }

  private chunk(request: Parameters<TargetLog['read']>[0]): LogChunk {
    const asked = request.after ?? 0;
    // An offset from before somebody removed our files means nothing here.
    const after = asked > this.lastSeq ? 0 : asked;
    const first = this.entries[0]?.seq ?? this.lastSeq + 1;
    // Without an offset the newest lines are asked for, not the oldest.
    const matching = this.entries.filter(
      entry =>
        entry.seq > after &&
        (request.instance === undefined ||
          entry.instance === request.instance) &&
        (request.generation === undefined ||
          entry.generation === request.generation),
    );
    const chosen =
      request.after === undefined
        ? matching.slice(-request.limit)
        : matching.slice(0, request.limit);
    const complete = chosen.at(-1) === matching.at(-1);
    const nextOffset = complete
      ? this.lastSeq
      : chosen.at(-1)?.seq ?? this.lastSeq;
    const dropped =
      request.after === undefined ? 0 : Math.max(0, first - 1 - after);
    return {
      lines: chosen.map(
        (entry): LogLine => ({
          atMs: entry.atMs,
          text: entry.text,
          stream: entry.stream,
          instance: entry.instance,
          track: entry.track ?? this.tracks.get(entry.generation),
          generation: entry.generation,
        }),
      ),
      nextOffset: `${nextOffset}`,
      ended: false,
      ...(dropped > 0 && { dropped }),
    };
  }

  private news(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      let timer: NodeJS.Timeout | undefined = undefined;
      const wake = () => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      timer = setTimeout(wake, waitMs);
      this.waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  private async flush(): Promise<void> {
    try {
      while (this.unwritten.length > 0) {
        const text = this.unwritten.join('');
        this.unwritten = [];
        await appendFile(this.path, text, { mode: 0o600 });
        if ((await sizeOf(this.path)) > MAX_FILE_BYTES) {
          await rename(this.path, `${this.path}.1`);
        }
      }
    } catch (error) {
      // A full disk must not take services down; memory still has the lines.
      this.unwritten = [];
      this.onError(error);
    } finally {
      this.writing = undefined;
    }
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) {
      return 0;
    }
    throw error;
  }
}

function parseEntry(line: string): LogEntry | undefined {
  try {
    const value = JSON.parse(line);
    return typeof value?.seq === 'number' && typeof value?.text === 'string'
      ? value
      : undefined;
  } catch (error) {
    // The last line of a killed process may be half written.
    if (isError(error) && error.name === 'SyntaxError') {
      return undefined;
    }
    throw error;
  }
}
