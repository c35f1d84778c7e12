import { KubeClient, rest } from '../client';
import { ContainerStatus } from '../health';
import {
  isOfCurrent,
  readAcross,
  readPrevious,
  RestartingContainer,
} from './acrossRestarts';
import { ContainerRef, Read, readAfter } from './containerReader';
import { LineMarks, LineMemory, StoredLine } from './lineMemory';
import { ContainerLine, LinePosition } from './logLine';

const FIRST_LINES = 1_000;
/** A stream that was cut is opened again after this, with jitter. */
const RETRY_MS = 1_000;
const LOOK_AGAIN_MS = 10_000;

/**
 * One container's newest lines in memory, followed across its restarts, and
 * all that the kubelet still has behind them. Bounded; a reader who is further
 * back than the memory gets the lines from the kubelet.
 */
export class FollowedContainer {
  private readonly memory = new LineMemory();
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
      this.memory.setWhole(false);
    }
    this.status = status ?? this.status;
    this.told += 1;
    this.wake();
  }

  /** The newest lines, `limit` at most. Errors: what kept them from being read. */
  async last(limit: number): Promise<StoredLine[]> {
    await this.loading;
    if (this.loadError !== undefined && this.memory.isEmpty) {
      throw this.loadError;
    }
    return this.memory.last(limit);
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
    const known = this.memory.after(position, limit);
    if (known) {
      return known;
    }
    return this.gone
      ? this.memory.laterThan(position, limit)
      : await this.fetch(position, limit, signal);
  }

  private async fetch(
    position: LinePosition | undefined,
    limit: number,
    signal: AbortSignal,
  ): Promise<Array<StoredLine | 'gap'>> {
    const found: Array<StoredLine | 'gap'> = [];
    for await (const read of readAcross(this.container, position, signal)) {
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

  private get container(): RestartingContainer {
    const { client, ref } = this.options;
    return { client, ref, status: this.status };
  }

  private async load(): Promise<void> {
    const restarts = this.status?.restartCount ?? 0;
    let count = 0;
    try {
      for await (const read of readAcross(
        this.container,
        undefined,
        this.signal,
        FIRST_LINES,
      )) {
        if (read !== 'gap') {
          count += 1;
          this.memory.keep(this.stored(read, 0));
        }
      }
      this.memory.setWhole(
        count < FIRST_LINES && (this.status?.restartCount ?? 0) === restarts,
      );
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
      try {
        await this.catchUp();
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

  /** What the container before still had to say, then this one's words as they come. */
  private async catchUp(): Promise<void> {
    const { container, memory, signal } = this;
    const last = memory.newest;
    const expected = isOfCurrent(container, last);
    if (last) {
      await this.append(readPrevious(container, last, signal));
    }
    if (this.gone) {
      return;
    }
    await this.append(
      readAfter(
        container.client,
        container.ref,
        memory.newest,
        {
          follow: true,
          expected,
          ...(memory.isEmpty && !memory.isWhole && { tailLines: FIRST_LINES }),
        },
        signal,
      ),
    );
  }

  private async append(reads: AsyncIterable<Read>): Promise<void> {
    for await (const read of reads) {
      if (read === 'gap') {
        // Who reads from memory must hear of it: only the kubelet's own answer tells.
        this.memory.forgetAll();
      } else {
        this.memory.keep(this.stored(read, Date.now()));
        this.options.onNews();
      }
    }
  }

  private stored(line: ContainerLine, cameAtMs: number): StoredLine {
    return { ...line, cameAtMs, marks: this.options.marks };
  }

  /** Until the cluster tells something new about the container, or for so long. */
  private async pause(ms: number): Promise<void> {
    const awake = new AbortController();
    this.wake = () => awake.abort();
    await rest(ms, AbortSignal.any([awake.signal, this.signal]));
    this.wake = () => {};
  }
}
