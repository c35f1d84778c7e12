import { KubeApiError, KubeClient, LogOptions } from '../../client';
import { Pod } from '../../health';
import { GENERATION_LABEL } from '../../names';
import { PodSource } from '../podSource';

interface Run {
  startedAtNs: bigint;
  lines: string[];
  ended: boolean;
}

/**
 * What the API server and the kubelet make of one container's log: times cut
 * to whole seconds, one dead container kept, files that are rotated, streams
 * that break; with the clock in the test's hands.
 */
export class FakeKubelet {
  /** Of the requests, for counting: `follow`, `read`, `previous`. */
  readonly requests: string[] = [];
  open = 0;
  private ns = 1_800_000_000_000_000_000n;
  private run: Run = { startedAtNs: this.ns, lines: [], ended: false };
  private previous: Run | undefined;
  private restarts = 0;
  private gone = false;
  private readonly waiting = new Set<() => void>();
  private breaks = 0;
  private readonly podListeners = new Set<() => void>();

  constructor(private readonly name = 'checkout-1') {}

  write(text: string, afterNs = 1_000_000n): void {
    this.ns += afterNs;
    this.run.lines.push(`${this.stamp(this.ns)} ${text}`);
    this.wake();
  }

  /** The kubelet reads the newest file only. */
  rotate(): void {
    this.run.lines = [];
  }

  /** Every open stream breaks. */
  cut(): void {
    this.breaks += 1;
    this.wake();
  }

  restart(): void {
    this.run.ended = true;
    this.wake();
    this.previous = this.run;
    this.restarts += 1;
    // Starts are told in whole seconds.
    this.ns = (this.ns / 1_000_000_000n + 1n) * 1_000_000_000n;
    this.run = { startedAtNs: this.ns, lines: [], ended: false };
    this.podListeners.forEach(listener => listener());
  }

  delete(): void {
    this.run.ended = true;
    this.gone = true;
    this.wake();
    this.podListeners.forEach(listener => listener());
  }

  readonly pods: PodSource = {
    read: async () => ({
      pods: this.gone ? [] : [this.pod()],
      tracks: new Map([['g1', 'canary']]),
    }),
    follow: (_target, onChange, signal) => {
      this.podListeners.add(onChange);
      signal.addEventListener('abort', () =>
        this.podListeners.delete(onChange),
      );
    },
  };

  readonly client: Pick<KubeClient, 'logs'> = {
    logs: (_pod, options, signal) => this.logs(options, signal),
  };

  private pod(): Pod {
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: this.name,
        namespace: 'shop',
        uid: `uid-${this.name}`,
        labels: { [GENERATION_LABEL]: 'g1' },
      },
      status: {
        containerStatuses: [
          {
            name: 'app',
            restartCount: this.restarts,
            containerID: `containerd://${this.restarts}`,
            state: {
              running: {
                startedAt: `${this.stamp(this.run.startedAtNs).slice(0, 19)}Z`,
              },
            },
          },
        ],
      },
    };
  }

  private stamp(ns: bigint): string {
    const seconds = new Date(Number(ns / 1_000_000_000n) * 1_000)
      .toISOString()
      .slice(0, 19);
    return `${seconds}.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`;
  }

  private wake(): void {
    this.waiting.forEach(resolve => resolve());
    this.waiting.clear();
  }

  private async *logs(
    { follow, previous, sinceTime, tailLines }: LogOptions,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const kind = (previous && 'previous') || (follow && 'follow') || 'read';
    this.requests.push(kind);
    const run = previous ? this.previous : this.run;
    if (!run || this.gone) {
      throw new KubeApiError('fake', 'GET log', previous ? 400 : 404, {});
    }
    const breaksBefore = this.breaks;
    const since = sinceTime?.slice(0, 19) ?? '';
    const whole = run.lines;
    let at = tailLines ? Math.max(0, whole.length - tailLines) : 0;
    let lines = whole;
    this.open += 1;
    try {
      for (;;) {
        if (run.lines !== lines) {
          // The file was rotated under the stream, which goes on in the new one.
          lines = run.lines;
          at = 0;
        }
        if (this.breaks !== breaksBefore) {
          throw new Error('the stream was cut');
        }
        if (at < lines.length) {
          const line = lines[at];
          at += 1;
          if (line.slice(0, 19) >= since) {
            yield Buffer.from(`${line}\n`);
          }
        } else if (!follow || run.ended) {
          return;
        } else {
          await new Promise<void>(resolve => {
            this.waiting.add(resolve);
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
          signal.throwIfAborted();
        }
      }
    } finally {
      this.open -= 1;
    }
  }
}
