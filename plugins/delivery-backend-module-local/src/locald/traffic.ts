import http from 'node:http';

/*
 * Example traffic, so that an analysis has something to measure. It comes
 * from outside the router like anybody's, is switched by a person, and says
 * what it did.
 */

const TICK_MS = 50;
const MAX_OPEN = 200;
const TIMEOUT_MS = 10_000;

export interface TrafficSettings {
  on: boolean;
  requestsPerSecond: number;
  path: string;
}

export const DEFAULT_TRAFFIC: TrafficSettings = {
  on: false,
  requestsPerSecond: 10,
  path: '/',
};

/** Sends requests to one target's router while it is on. */
export class TrafficGenerator {
  sent = 0;
  failed = 0;
  /** What became of the last one that failed. */
  lastFailure: string | undefined;
  private open = 0;
  private due = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly port: number,
    private readonly settings: () => TrafficSettings,
    /** Whether there is anything to send to. */
    private readonly wanted: () => boolean,
  ) {
    let lastMs = performance.now();
    this.timer = setInterval(() => {
      const nowMs = performance.now();
      this.tick(nowMs - lastMs);
      lastMs = nowMs;
    }, TICK_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private tick(passedMs: number): void {
    const { on, requestsPerSecond } = this.settings();
    if (!on || !this.wanted()) {
      this.due = 0;
      return;
    }
    // Open loop: what could not be sent in time is not made up for later.
    this.due = Math.min(
      this.due + (requestsPerSecond * passedMs) / 1000,
      requestsPerSecond + 1,
    );
    while (this.due >= 1) {
      this.due -= 1;
      if (this.open < MAX_OPEN) {
        this.send();
      }
    }
  }

  private send(): void {
    this.open += 1;
    this.sent += 1;
    let done = false;
    const finish = (failure?: string) => {
      if (!done) {
        done = true;
        this.open -= 1;
        if (failure !== undefined) {
          this.failed += 1;
          this.lastFailure = failure;
        }
      }
    };
    const request = http.get({
      host: '127.0.0.1',
      port: this.port,
      path: this.settings().path,
      agent: false,
      headers: { 'user-agent': 'slipway-example-traffic' },
      timeout: TIMEOUT_MS,
    });
    request.on('response', response => {
      const { statusCode = 500 } = response;
      response.resume();
      response.on('end', () =>
        finish(statusCode < 500 ? undefined : `answered ${statusCode}`),
      );
      response.on('error', error => finish(error.message));
    });
    request.on('timeout', () => {
      finish(`no answer within ${TIMEOUT_MS / 1000} s`);
      request.destroy();
    });
    request.on('error', error => finish(error.message));
    request.on('close', () => finish('broken off'));
  }
}
