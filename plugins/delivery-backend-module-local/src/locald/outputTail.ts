import { FileHandle, open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { isMissing } from './files';

/*
 * An instance writes its output to files of its own and not into a pipe to
 * slipway-locald: with a pipe it would be hurt when slipway-locald is killed.
 * The files are only a passage; lines are moved to the target's log and a
 * file that was read to its end is emptied when it is big. (The instance's
 * descriptor appends, so emptying is safe; a line written in the instant
 * between the last read and the emptying would be lost.)
 */

const POLL_MS = 100;
const CHUNK_BYTES = 64 * 1024;
const EMPTY_ABOVE_BYTES = 4 * 1024 * 1024;
const MAX_LINE = 16_384;

export class OutputTail {
  private readonly decoder = new StringDecoder('utf8');
  private readonly buffer = Buffer.alloc(CHUNK_BYTES);
  private partial = '';
  /** Where the last whole line ended: what a successor goes on from. */
  private lineEnd: number;
  private timer: NodeJS.Timeout | undefined;
  private reading: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly path: string,
    private offset: number,
    private readonly onLine: (text: string, offset: number) => void,
    private readonly onError: (error: unknown) => void,
  ) {
    this.lineEnd = offset;
    this.schedule();
  }

  /** Reads what is there now; a last line without its end counts as one. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.reading;
    await this.readOnce();
    if (this.partial) {
      this.onLine(this.partial, this.offset);
      this.partial = '';
    }
  }

  /** Reads what is there now and goes on. */
  async catchUp(): Promise<void> {
    await this.reading;
    this.reading = this.readOnce();
    await this.reading;
  }

  private schedule(): void {
    this.timer = setTimeout(() => {
      this.reading = this.readOnce().finally(() => {
        if (!this.stopped) {
          this.schedule();
        }
      });
    }, POLL_MS);
    this.timer.unref();
  }

  private async readOnce(): Promise<void> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(this.path, 'r+');
      const { size } = await handle.stat();
      if (size < this.offset) {
        this.offset = 0;
        this.lineEnd = 0;
      }
      for (;;) {
        const { bytesRead } = await handle.read(
          this.buffer,
          0,
          CHUNK_BYTES,
          this.offset,
        );
        if (bytesRead === 0) {
          break;
        }
        this.take(bytesRead);
      }
      if (this.offset > EMPTY_ABOVE_BYTES) {
        await handle.truncate(0);
        this.offset = 0;
        this.lineEnd = 0;
      }
    } catch (error) {
      if (!isMissing(error)) {
        this.onError(error);
      }
    } finally {
      await handle?.close();
    }
  }

  private take(bytes: number): void {
    const text =
      this.partial + this.decoder.write(this.buffer.subarray(0, bytes));
    this.offset += bytes;
    const lines = text.split('\n');
    this.partial = lines.pop() ?? '';
    for (const line of lines) {
      this.lineEnd += Buffer.byteLength(line) + 1;
      this.onLine(line.endsWith('\r') ? line.slice(0, -1) : line, this.lineEnd);
    }
    while (this.partial.length > MAX_LINE) {
      const part = this.partial.slice(0, MAX_LINE);
      this.lineEnd += Buffer.byteLength(part);
      this.onLine(part, this.lineEnd);
      this.partial = this.partial.slice(MAX_LINE);
    }
  }
}
