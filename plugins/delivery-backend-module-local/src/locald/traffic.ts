import http from 'node:http';

/*
 * Example traffic, so that an analysis has something to measure. It comes
 * from outside the router like anybody's, is switched by a person, and says
 * what it did.
 */

const TICK_MS = 50;
const MAX_OPEN = 200;

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
  private open = 0;
  private due = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly agent = new http.Agent({ keepAlive: true });

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
    this.agent.destroy();
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
    const finish = (ok: boolean) => {
      if (!done) {
        done = true;
        this.open -= 1;
        this.failed += ok ? 0 : 1;
      }
    };
    const request = http.get({
      host: '127.0.0.1',
      port: this.port,
      path: this.settings().path,
      agent: this.agent,
      headers: { 'user-agent': 'slipway-example-traffic' },
      timeout: 10_000,
    });
    request.on('response', response => {
      response.resume();
      response.on('end', () => finish((response.statusCode ?? 500) < 500));
      response.on('error', () => finish(false));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => finish(false));
    request.on('close', () => finish(false));
  }
}
