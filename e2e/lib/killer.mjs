// Kills the portal at a moment that lasts milliseconds: a thread of its own
// looks at the database each millisecond (not without rest: the portal needs
// the processor too), and sends SIGKILL to the portal's whole process group
// once the moment is there.
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import {
  isMainThread,
  parentPort,
  Worker,
  workerData,
} from 'node:worker_threads';

/**
 * `sql` finds a row when the moment is there. Resolves when the group is
 * dead, with whether the moment had not passed yet when it died: nobody else
 * writes to the database. `orWhen` is a moment from which on there is nothing
 * to wait for; then nothing is killed.
 */
export function killWhen(
  portal,
  { sql, values },
  { orWhen, timeoutMs = 120_000 } = {},
) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: {
        file: path.join(portal.data, 'database', 'delivery.sqlite'),
        group: portal.group,
        deadlineMs: Date.now() + timeoutMs,
        sql,
        values,
        orWhen,
      },
    });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

function isGroupAlive(group) {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    if (error.code === 'ESRCH') return false;
    throw error;
  }
}

const LOOK_EVERY_MS = 1;
const rest = new Int32Array(new SharedArrayBuffer(4));

async function watch({ file, group, deadlineMs, sql, values, orWhen }) {
  const database = new DatabaseSync(file, { readOnly: true });
  database.exec('pragma busy_timeout = 1000');
  const moment = database.prepare(sql);
  const over = orWhen && database.prepare(orWhen.sql);
  while (moment.get(...values) === undefined) {
    Atomics.wait(rest, 0, 0, LOOK_EVERY_MS);
    if (over?.get(...orWhen.values) !== undefined) {
      parentPort.postMessage({ killed: false, hit: false });
      return;
    }
    if (Date.now() > deadlineMs) {
      throw new Error(`The moment did not come: ${sql} ${values}`);
    }
  }
  process.kill(-group, 'SIGKILL');
  // Zombies until their parent has looked count as alive.
  while (isGroupAlive(group)) await delay(5);
  const hit = moment.get(...values) !== undefined;
  database.close();
  parentPort.postMessage({ killed: true, hit });
}

if (!isMainThread) await watch(workerData);
