import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/*
 * Both ranges lie below the range from which systems take ports for outgoing
 * connections (32768 and above on Linux, 49152 elsewhere), so that a stable
 * port is still free after a restart.
 */
export const ROUTER_PORTS = { from: 20_000, to: 25_999 };
export const INSTANCE_PORTS = { from: 26_000, to: 32_000 };

/** Whether a service that listens on every address could listen there now. */
async function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}

/**
 * A port of the range that nothing listens on and that is not in `taken`.
 *
 * Errors: plain `Error` when 200 tries find none.
 */
export async function findPort(
  range: { from: number; to: number },
  taken: ReadonlySet<number>,
): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(range.from, range.to + 1);
    if (!taken.has(port) && (await isFree(port))) {
      return port;
    }
  }
  throw new Error(
    `No free port was found between ${range.from} and ${range.to}`,
  );
}

const RESERVED_MS = 10_000;

/** Ports for starts: two at once are not given the same one. */
export class PortReservations {
  private readonly taken = new Set<number>();

  constructor(private readonly range: { from: number; to: number }) {}

  /** Kept for some seconds, until whoever asked listens on it. */
  async take(): Promise<number> {
    const port = await findPort(this.range, this.taken);
    this.taken.add(port);
    setTimeout(() => this.taken.delete(port), RESERVED_MS).unref();
    return port;
  }
}
