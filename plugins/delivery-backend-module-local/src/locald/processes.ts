import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { hasCode } from './files';

/*
 * A process id alone names nothing for long: the system gives it to another
 * process. With the start time it does, so both are kept together.
 */

const run = promisify(execFile);

let bootId: Promise<string> | undefined;

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    // ESRCH: the process has ended meanwhile. EACCES: it is not ours.
    if (
      ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].some(code => hasCode(error, code))
    ) {
      return undefined;
    }
    throw error;
  }
}

async function linuxStart(pid: number): Promise<string | undefined> {
  const stat = await readIfThere(`/proc/${pid}/stat`);
  if (!stat) {
    return undefined;
  }
  // The command in parentheses may hold anything; fields are counted behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  if (state === 'Z' || state === 'X') {
    return undefined;
  }
  bootId =
    bootId ??
    readIfThere('/proc/sys/kernel/random/boot_id').then(id => id?.trim() ?? '');
  return `${await bootId}:${fields[19]}`;
}

async function posixStart(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await run('ps', ['-o', 'stat=,lstart=', '-p', `${pid}`]);
    const text = stdout.trim();
    return text === '' || text.startsWith('Z')
      ? undefined
      : text.replace(/^\S+\s+/, '');
  } catch (error) {
    if (hasCode(error, 1)) {
      return undefined;
    }
    throw error;
  }
}

/**
 * When the process started, as a text to compare; `undefined` when no such
 * process runs (one that has ended and is not reaped counts as ended).
 */
export async function processStart(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    return linuxStart(pid);
  }
  if (process.platform === 'win32') {
    try {
      process.kill(pid, 0);
      return 'running';
    } catch (error) {
      return hasCode(error, 'EPERM') ? 'running' : undefined;
    }
  }
  return posixStart(pid);
}

/** Sends the signal to the process or its group; `false`: it is gone. */
export function sendSignal(
  pid: number,
  signal: NodeJS.Signals,
  options: { group: boolean },
): boolean {
  try {
    process.kill(
      options.group && process.platform !== 'win32' ? -pid : pid,
      signal,
    );
    return true;
  } catch (error) {
    if (hasCode(error, 'ESRCH')) {
      return false;
    }
    throw error;
  }
}

/**
 * Processes of this machine whose environment carries `name=value`, with
 * their process group. Linux only; elsewhere none are found, which only means
 * that a process started in the instant of a crash goes on unseen.
 */
export async function findByEnvironment(
  name: string,
  value: string,
): Promise<Array<{ pid: number; group: number }>> {
  if (process.platform !== 'linux') {
    return [];
  }
  const found: Array<{ pid: number; group: number }> = [];
  for (const entry of await readdir('/proc')) {
    if (/^\d+$/.test(entry)) {
      const environment = await readIfThere(`/proc/${entry}/environ`);
      if (environment?.split('\0').includes(`${name}=${value}`)) {
        const text = (await readIfThere(`/proc/${entry}/stat`)) ?? '';
        const [, , group] = text.slice(text.lastIndexOf(')') + 2).split(' ');
        found.push({ pid: Number(entry), group: Number(group) });
      }
    }
  }
  return found;
}
