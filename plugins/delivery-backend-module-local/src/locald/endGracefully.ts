import { ExitInfo, ProcessHandle } from './childProcess';
import { within } from './waiting';

/**
 * Requests in flight get up to the grace period, and so does the process after
 * SIGTERM; then it is killed.
 */
export async function endGracefully(
  handle: ProcessHandle,
  options: {
    graceMs: number;
    drained: Promise<unknown>;
    say(text: string): void;
  },
): Promise<ExitInfo> {
  const { graceMs, drained, say } = options;
  await within(graceMs, drained);
  handle.terminate();
  const info = await within(graceMs, handle.exited);
  if (info) {
    return info;
  }
  say(`Did not end within ${graceMs} ms after SIGTERM; killing it`);
  handle.kill();
  return handle.exited;
}
