import { createHash } from 'node:crypto';
import { LoggerService } from '@backstage/backend-plugin-api';
import {
  TargetRecord,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { InstanceNews } from '@slipway/backstage-plugin-delivery-node';
import { DeliveryStore } from '../store';

/** News of one target beyond this within a minute are left out: the page shows the state itself. */
const MAX_A_MINUTE = 30;
const MINUTE_MS = 60_000;

/**
 * Writes what happened to instances by itself into the timeline, with the
 * deployment that brought them. What several backends saw, or one sees again
 * after its start, is one entry: the id comes from the news' key.
 *
 * Never throws: an entry that cannot be written is logged, and is no reason to
 * see less of the world.
 */
export function createNewsRecorder(options: {
  store: Pick<DeliveryStore, 'targets' | 'deployments'>;
  logger: LoggerService;
  clock?: () => number;
}): (news: InstanceNews) => void {
  const { store, logger, clock = Date.now } = options;
  const counts = new Map<string, { fromMs: number; count: number }>();

  function isTooMany(target: string): boolean {
    const nowMs = clock();
    const known = counts.get(target);
    const current =
      known && nowMs - known.fromMs < MINUTE_MS
        ? known
        : { fromMs: nowMs, count: 0 };
    current.count += 1;
    counts.delete(target);
    counts.set(target, current);
    for (const [key, { fromMs }] of counts) {
      if (nowMs - fromMs < MINUTE_MS) {
        break;
      }
      counts.delete(key);
    }
    return current.count > MAX_A_MINUTE;
  }

  async function record(news: InstanceNews) {
    const { target, atMs, type, message, level, reason, generation } = news;
    const row = await store.targets.get(target);
    if (!row) {
      // The world names a target that this portal does not have.
      return;
    }
    const deploymentId = deploymentOf(row.record, generation);
    await store.deployments.addEvents([
      {
        id: `news-${createHash('sha256')
          .update(`${stringifyTarget(target)} ${news.key}`)
          .digest('hex')
          .slice(0, 32)}`,
        ...target,
        atMs,
        type,
        message,
        level,
        ...(reason && { reason }),
        ...(deploymentId && { deploymentId }),
      },
    ]);
  }

  return news => {
    const target = stringifyTarget(news.target);
    if (isTooMany(target)) {
      logger.debug(`Left out of the timeline of ${target}: ${news.message}`);
      return;
    }
    record(news).catch(error => {
      logger.warn(
        `The timeline of ${target} lacks "${news.message}": ${
          error instanceof Error ? error.message : error
        }`,
      );
    });
  };
}

/**
 * Whose instances they are: of what runs, of what drains, of what is coming.
 * What is no generation's, or one's that is forgotten, belongs to what runs.
 */
function deploymentOf(
  { stable, draining, rollout }: TargetRecord,
  generation: string | undefined,
): string | undefined {
  const roles = [rollout?.candidate, stable, ...draining];
  const owner = roles.find(
    role => generation !== undefined && role?.generation === generation,
  );
  return (owner ?? stable ?? rollout?.candidate)?.deploymentId;
}
