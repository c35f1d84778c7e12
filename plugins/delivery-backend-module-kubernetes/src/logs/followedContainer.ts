import { LogLine } from '@slipway/backstage-plugin-delivery-common';
import { KubeClient, rest } from '../client';
import { ContainerStatus, timeMs } from '../health';
import { ContainerRef, Read, readAfter } from './containerReader';
import { ContainerLine, LinePosition, samePosition } from './logLine';

const FIRST_LINES = 1_000;
const MAX_LINES = 2_000;
const MAX_CHARACTERS = 512 * 1024;
/** A stream that was cut is opened again after this, with jitter. */
const RETRY_MS = 1_000;
const LOOK_AGAIN_MS = 10_000;

/** What a line says beside its text; fixed when the line came. */
export type LineMarks = Pick<
  LogLine,
  'instance' | 'container' | 'generation' | 'track' | 'releaseId'
>;

export interface StoredLine extends ContainerLine {
  marks: LineMarks;
  /** When it came, epoch milliseconds; 0 when it had been there before. */
  cameAtMs: number;
}

/**
 * One container's newest lines in memory, followed across its restarts, and
 * all that the kubelet still has behind them. Bounded; a reader who is further
 * back than the memory gets the lines from the kubelet.
 */
export class FollowedContainer {
  private lines: StoredLine[] = [];
  private characters = 0;
  /** Everything that the kubelet has is in memory too. */
  private whole = false;
  private wake = () => {};
  private gone = false;
  /** Grows with everything that the cluster tells about the container. */
  private told = 0;
  private status: ContainerStatus | undefined;
  private readonly loading: Promise<void>;
  private loadError: unknown;

  constructor(
    private readonly options: {
      client: Pick<KubeClient, 'logs'>;
      ref: ContainerRef;
      key: string;
      marks: LineMarks;
      status: ContainerStatus;
      onNews(): void;
    },
    private readonly signal: AbortSignal,
  ) {
    this.status = options.status;
    this.loading = this.load();
    this.loading
      .then(() => this.run())
      .catch(error => {
        if (!signal.aborted) {
          throw error;
        }
      });
  }

  get key(): string {
    return this.options.key;
  }

  get marks(): LineMarks {
    return this.options.marks;
  }

  get isGone(): boolean {
    return this.gone;
  }

  /** What the cluster says of the container now; absent: its pod is gone. */
  update(status: ContainerStatus | undefined, marks?: LineMarks): void {
    if (marks) {
      this.options.marks = marks;
    }
    this.gone = status === undefined;
    if ((status?.restartCount ?? 0) > (this.status?.restartCount ?? 0)) {
      // What was read before may have been of the new container already, and of
      // the old one nothing: who begins at the beginning asks the kubelet.
      this.whole = false;
    }
    this.status = status ?? this.status;
    this.told += 1;
    this.wake();
  }

  /** The newest lines, `limit` at most. Errors: what kept them from being read. */
  async last(limit: number): Promise<StoredLine[]> {
    await this.loading;
    if (this.loadError !== undefined && this.lines.length === 0) {
      throw this.loadError;
    }
    return this.lines.slice(-limit);
  }

  /**
   * The lines after a position, or from the beginning, `limit` at most, from
   * memory or from the kubelet.
   */
  async after(
    position: LinePosition | undefined,
    limit: number,
    signal: AbortSignal,
  ): Promise<Array<StoredLine | 'gap'>> {
    await this.loading;
    if (position) {
      const index = this.lines.findLastIndex(line =>
        samePosition(line, position),
      );
      if (index >= 0) {
        return this.lines.slice(index + 1, index + 1 + limit);
      }
    } else if (this.whole) {
      return this.lines.slice(0, limit);
    }
    return this.gone
      ? this.lines
          .filter(line => !position || line.ns > position.ns)
          .slice(0, limit)
      : await this.fetch(position, limit, signal);
  }

  private async fetch(
    position: LinePosition | undefined,
    limit: number,
    signal: AbortSignal,
  ): Promise<Array<StoredLine | 'gap'>> {
    const found: Array<StoredLine | 'gap'> = [];
    for await (const read of this.history(position, signal)) {
      if (read !== 'gap') {
        found.push(this.stored(read, 0));
      } else if (limit > 1) {
        // Alone on a page it would stop the reader: the page after starts there again.
        found.push(read);
      }
      if (found.length >= limit) {
        break;
      }
    }
    return found;
  }

  /** The previous container's log where it is after the position, then this one's. */
  private async *history(
    position: LinePosition | undefined,
    signal: AbortSignal,
    tailLines?: number,
  ): AsyncGenerator<Read> {
    const { client, ref } = this.options;
    const inCurrent = this.isInCurrent(position);
    if (!inCurrent && (this.status?.restartCount ?? 0) > 0) {
      yield* readAfter(
        client,
        ref,
        position,
        { previous: true, expected: true, tailLines },
        signal,
      );
    }
    yield* readAfter(
      client,
      ref,
      position,
      { expected: inCurrent, tailLines },
      signal,
    );
  }

  /** Whether the line is of the container that is here now, not of one before it. */
  private isInCurrent(position: LinePosition | undefined): boolean {
    const { state } = this.status ?? {};
    const startedAtMs = timeMs(
      state?.running?.startedAt ?? state?.terminated?.startedAt,
    );
    return (
      position !== undefined &&
      startedAtMs !== undefined &&
      // The start is told in whole seconds.
      position.ns >= BigInt(startedAtMs) * 1_000_000n
    );
  }

  private async load(): Promise<void> {
    const restarts = this.status?.restartCount ?? 0;
    let count = 0;
    try {
      for await (const read of this.history(
        undefined,
        this.signal,
        FIRST_LINES,
      )) {
        if (read !== 'gap') {
          count += 1;
          this.keep(this.stored(read, 0));
        }
      }
      this.whole =
        count < FIRST_LINES && (this.status?.restartCount ?? 0) === restarts;
    } catch (error) {
      this.signal.throwIfAborted();
      // The stream that follows tries again, and goes on where this ended.
      this.loadError = error;
    }
  }

  private async run(): Promise<void> {
    while (!this.signal.aborted && !this.gone) {
      const before = this.status?.containerID;
      const toldBefore = this.told;
      const last: LinePosition | undefined = this.lines.at(-1);
      try {
        await this.catchUp(last);
      } catch (error) {
        this.signal.throwIfAborted();
        await this.pause(RETRY_MS * (0.5 + Math.random()));
        continue;
      }
      if (this.told !== toldBefore) {
        await this.pause(RETRY_MS / 4);
      } else if (
        this.status?.state?.running &&
        this.status.containerID === before
      ) {
        // It was cut, or the container has just ended and that was not told yet.
        await this.pause(RETRY_MS * (0.5 + Math.random()));
      } else {
        await this.pause(LOOK_AGAIN_MS);
      }
    }
  }

  private async catchUp(last: LinePosition | undefined): Promise<void> {
    const { client, ref } = this.options;
    const inCurrent = this.isInCurrent(last);
    if (last && !inCurrent && (this.status?.restartCount ?? 0) > 0) {
      await this.append(
        readAfter(
          client,
          ref,
          last,
          { previous: true, expected: true },
          this.signal,
        ),
      );
    }
    if (this.gone) {
      return;
    }
    await this.append(
      readAfter(
        client,
        ref,
        this.lines.at(-1),
        {
          follow: true,
          expected: inCurrent,
          ...(this.lines.length === 0 &&
            !this.whole && { tailLines: FIRST_LINES }),
        },
        this.signal,
      ),
    );
  }

  private async append(reads: AsyncIterable<Read>): Promise<void> {
    for await (const read of reads) {
      if (read === 'gap') {
        // Who reads from memory must hear of it: only the kubelet's own answer tells.
        this.forgetAll();
      } else {
        this.keep(this.stored(read, Date.now()));
        this.options.onNews();
      }
    }
  }

  private stored(line: ContainerLine, cameAtMs: number): StoredLine {
    return { ...line, cameAtMs, marks: this.options.marks };
  }

  private keep(line: StoredLine): void {
    this.lines.push(line);
    this.characters += line.text.length;
    let drop = 0;
    while (
      this.lines.length - drop > MAX_LINES ||
      (this.characters > MAX_CHARACTERS && this.lines.length - drop > 1)
    ) {
      this.characters -= this.lines[drop].text.length;
      drop += 1;
    }
    if (drop > 0) {
      this.lines.splice(0, drop);
      this.whole = false;
    }
  }

  private forgetAll(): void {
    this.lines = [];
    this.characters = 0;
    this.whole = false;
  }

  /** Until the cluster tells something new about the container, or for so long. */
  private async pause(ms: number): Promise<void> {
    const awake = new AbortController();
    this.wake = () => awake.abort();
    await rest(ms, AbortSignal.any([awake.signal, this.signal]));
    this.wake = () => {};
  }
}
