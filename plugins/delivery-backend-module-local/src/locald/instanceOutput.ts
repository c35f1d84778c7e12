import { join } from 'node:path';
import { TargetLog } from './logs';
import { OutputTail } from './outputTail';

const EVIDENCE_LINES = 10;

/** What an instance writes, and what is said about it, in the target's log. */
export class InstanceOutput {
  constructor(
    private readonly options: {
      instance: string;
      generation: string;
      /** Where the process writes `stdout` and `stderr`. */
      directory: string;
      log: TargetLog;
    },
  ) {}

  /** A line of ours among those of the process. */
  say(text: string): void {
    const { log, instance, generation } = this.options;
    log.append({ instance, generation, stream: 'system', text });
  }

  /** Carries output into the log, from where a predecessor stopped. */
  follow(): OutputTail[] {
    const { log, directory, instance, generation } = this.options;
    const offsets = log.offsets(instance);
    return (['stdout', 'stderr'] as const).map(
      stream =>
        new OutputTail(
          join(directory, stream),
          offsets[stream],
          (text, offset) =>
            log.append({ instance, generation, stream, text, offset }),
          error => this.say(`The ${stream} cannot be read: ${error}`),
        ),
    );
  }

  /** The last lines, as evidence of why it ended. */
  lastLines(): ReturnType<TargetLog['tail']> {
    return this.options.log.tail(this.options.instance, EVIDENCE_LINES);
  }
}
