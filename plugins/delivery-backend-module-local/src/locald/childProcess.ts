import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { processStart, sendSignal } from './processes';

const ADOPTED_POLL_MS = 200;

/** How a process ended; nothing is known of one that was not our child. */
export interface ExitInfo {
  code?: number;
  signal?: string;
}

/** A running process, our child or one that outlived our predecessor. */
export interface ProcessHandle {
  readonly pid: number;
  readonly start: string | undefined;
  readonly exited: Promise<ExitInfo>;
  /** To the process itself, as a container's first process gets it. */
  terminate(): void;
  /** Everything it has started too. */
  kill(): void;
}

/**
 * Starts Node with an argument array, in a process group of its own, with its
 * output appended to two files.
 *
 * Errors: plain `Error` when the system starts nothing.
 */
export async function startProcess(options: {
  args: string[];
  cwd: string;
  env: Record<string, string>;
  stdout: string;
  stderr: string;
}): Promise<ProcessHandle> {
  const out = openSync(options.stdout, 'a', 0o600);
  const err = openSync(options.stderr, 'a', 0o600);
  try {
    const child = spawn(process.execPath, options.args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ['ignore', out, err],
      detached: true,
    });
    const exited = new Promise<ExitInfo>(resolve =>
      child.once('exit', (code, signal) =>
        resolve({ code: code ?? undefined, signal: signal ?? undefined }),
      ),
    );
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    const pid = child.pid;
    if (pid === undefined) {
      throw new Error('The system started a process without an id');
    }
    return handleOf(pid, await processStart(pid), exited);
  } finally {
    closeSync(out);
    closeSync(err);
  }
}

/** A process that a predecessor started; `undefined`: it is not there any more. */
export async function adoptProcess(
  pid: number,
  start: string,
): Promise<ProcessHandle | undefined> {
  if ((await processStart(pid)) !== start) {
    return undefined;
  }
  const exited = (async () => {
    while ((await processStart(pid)) === start) {
      await delay(ADOPTED_POLL_MS, undefined, { ref: false });
    }
    return {};
  })();
  return handleOf(pid, start, exited);
}

function handleOf(
  pid: number,
  start: string | undefined,
  exited: Promise<ExitInfo>,
): ProcessHandle {
  let gone = false;
  const observed = exited.then(info => {
    gone = true;
    // What it has left behind in its group would hold the port.
    sendSignal(pid, 'SIGKILL', { group: true });
    return info;
  });
  return {
    pid,
    start,
    exited: observed,
    terminate: () => {
      if (!gone) {
        sendSignal(pid, 'SIGTERM', { group: false });
      }
    },
    kill: () => {
      if (!gone) {
        sendSignal(pid, 'SIGKILL', { group: true });
      }
    },
  };
}
