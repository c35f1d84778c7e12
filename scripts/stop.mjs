// Ends the process that runs the example's services, and the services.
import fs from 'node:fs/promises';
import path from 'node:path';

async function readIfThere(file) {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Returns the exit code: 0 when nothing runs any more. */
export async function stopServices(data, say) {
  const directory = path.join(data, 'locald');
  const address = await readIfThere(path.join(directory, 'address.json'));
  const token = await readIfThere(path.join(directory, 'token'));
  if (!address || !token) {
    say('no services run');
    return 0;
  }
  const { port, pid } = JSON.parse(address);
  try {
    await fetch(`http://127.0.0.1:${port}/v1/shutdown`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token.trim()}` },
      signal: AbortSignal.timeout(5000),
    });
  } catch (error) {
    if (error.cause?.code === 'ECONNREFUSED') {
      say('no services run');
      return 0;
    }
    throw error;
  }
  // They finish the requests in flight first.
  const deadline = Date.now() + 45_000;
  while (Date.now() < deadline) {
    try {
      process.kill(pid, 0);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
      say('the services have ended');
      return 0;
    }
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  say(`the services did not end in time; process ${pid} still runs`);
  return 1;
}
