import { LogLine } from '@slipway/backstage-plugin-delivery-common';
import { ContainerLine, LinePosition, samePosition } from './logLine';

const MAX_LINES = 2_000;
const MAX_CHARACTERS = 512 * 1024;

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

/** One container's newest lines, bounded in number and size. */
export class LineMemory {
  private lines: StoredLine[] = [];
  private characters = 0;
  private whole = false;

  get isEmpty(): boolean {
    return this.lines.length === 0;
  }

  /** Everything that the kubelet has is here too. */
  get isWhole(): boolean {
    return this.whole;
  }

  get newest(): StoredLine | undefined {
    return this.lines.at(-1);
  }

  last(limit: number): StoredLine[] {
    return this.lines.slice(-limit);
  }

  /** `undefined`: what comes after the position is not known to be all here. */
  after(
    position: LinePosition | undefined,
    limit: number,
  ): StoredLine[] | undefined {
    if (!position) {
      return this.whole ? this.lines.slice(0, limit) : undefined;
    }
    const index = this.lines.findLastIndex(line =>
      samePosition(line, position),
    );
    return index >= 0
      ? this.lines.slice(index + 1, index + 1 + limit)
      : undefined;
  }

  /** What is here and later than the position, whatever lay between. */
  laterThan(position: LinePosition | undefined, limit: number): StoredLine[] {
    return this.lines
      .filter(line => !position || line.ns > position.ns)
      .slice(0, limit);
  }

  setWhole(whole: boolean): void {
    this.whole = whole;
  }

  keep(line: StoredLine): void {
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

  forgetAll(): void {
    this.lines = [];
    this.characters = 0;
    this.whole = false;
  }
}
