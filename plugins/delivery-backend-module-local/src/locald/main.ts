import { parseArgs } from 'node:util';
import { isError } from '@backstage/errors';
import { startDaemon } from './daemon';

/*
 * slipway-locald, the embedded runtime, as a process of its own:
 *
 *     node main --data-directory DIR
 *
 * SIGTERM and SIGINT stop it and everything it runs, gracefully. When it is
 * killed instead, what it runs goes on and its successor takes over.
 */

/** Another slipway-locald has the data directory. */
const EXIT_TAKEN = 3;

function log(message: string): void {
  process.stdout.write(`${new Date().toISOString()} ${message}\n`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { 'data-directory': { type: 'string' } },
  });
  const dataDirectory = values['data-directory'];
  if (!dataDirectory) {
    log('Expected --data-directory DIR');
    return 2;
  }
  // Nothing that goes wrong in one request or one instance ends the others.
  process.on('unhandledRejection', error =>
    log(`Unhandled: ${error instanceof Error ? error.stack : error}`),
  );
  const daemon = await startDaemon({ dataDirectory, log });
  log(`slipway-locald is ready (process ${process.pid}, port ${daemon.port})`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log(`${signal}: stopping everything`);
      daemon.stop({ instances: true }).catch(error => log(`${error}`));
    });
  }
  await daemon.ended;
  log('slipway-locald has ended');
  return 0;
}

main().then(
  code => process.exit(code),
  error => {
    log(error instanceof Error ? error.message : String(error));
    process.exit(
      isError(error) && error.name === 'ConflictError' ? EXIT_TAKEN : 1,
    );
  },
);
