import { setTimeout as delay } from 'node:timers/promises';
import { InputError, NotFoundError } from '@backstage/errors';
import { LogChunk } from '@slipway/backstage-plugin-delivery-common';
import { LogProvider } from '@slipway/backstage-plugin-delivery-node';
import { LocaldClient } from './client';
import { targetPath } from './observe';

export function createLogProvider(client: LocaldClient): LogProvider {
  return {
    async read({ target, instance, generation, after, limit, waitMs }, signal) {
      if (after !== undefined && !/^\d{1,15}$/.test(after)) {
        throw new InputError(
          `"${after.slice(
            0,
            40,
          )}" is not an offset of this log; send the nextOffset of an earlier answer`,
        );
      }
      try {
        return await client.call<LogChunk>({
          method: 'GET',
          path: targetPath(target, 'logs'),
          query: { instance, generation, after, limit, wait: waitMs },
          signal,
          timeoutMs: waitMs + 15_000,
        });
      } catch (error) {
        if (!(error instanceof NotFoundError)) {
          throw error;
        }
        await delay(Math.min(waitMs, 1_000), undefined, { signal });
        return { lines: [], nextOffset: after ?? '0', ended: false };
      }
    },
  };
}
