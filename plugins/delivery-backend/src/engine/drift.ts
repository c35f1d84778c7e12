import {
  Actor,
  stringifyTarget,
  TargetRecord,
  World,
  isKnown,
} from '@slipway/backstage-plugin-delivery-common';
import { beginRepair, decideDrift } from '../rollout';
import { Changes } from './changes';
import { EngineContext } from './context';
import { activeRollout } from './deploymentRows';
import { newsOfDrift } from './news';

/** What runs while nobody looks acts as the plugin. */
const PLUGIN: Actor = { type: 'plugin', ref: 'plugin:delivery' };

/**
 * Tells what others have changed, to the owners what stays of it, and begins to
 * put it right where the environment says so: with the write that follows this
 * look.
 */
export function heedDrift(options: {
  context: Pick<EngineContext, 'environments'>;
  changes: Changes;
  /** As it was decided. */
  record: TargetRecord;
  world: World;
  /** Why the last write did not succeed. */
  trouble?: string;
  nowMs: number;
}): { record: TargetRecord; repairs: boolean; wakeAtMs?: number } {
  const { context, changes, record, world, trouble, nowMs } = options;
  const { target, hold, owner } = changes.row;
  const { drift, repair, events, news, wakeAtMs } = decideDrift({
    record,
    workloads: world.workloads,
    mode: context.environments.get(target.environment)?.drift ?? 'tell',
    busy: activeRollout(record.rollout) !== undefined,
    held: hold !== undefined,
    trouble,
    nowMs,
  });
  // On the timeline of what brought what runs: that is where people look.
  const deploymentId = record.stable?.deploymentId;
  events.forEach(event => changes.event({ deploymentId, ...event }));
  if (news) {
    changes.tell(newsOfDrift({ target, owner, deploymentId, ...news }));
  }
  const { drift: _, ...rest } = record;
  const told = { ...rest, ...(drift && { drift }) };
  if (!repair) {
    return { record: told, repairs: false, wakeAtMs };
  }
  changes.audits.push({
    actor: PLUGIN,
    verb: 'repair-drift',
    subject: stringifyTarget(target),
    reason: repair.cause,
    outcome: `The stable plan ${record.stable?.planId} is applied again, for the ${repair.attempt}. time of late`,
  });
  const reflects = isKnown(world.workloads) ? world.workloads.reflects : 0;
  return {
    record: beginRepair(told, reflects, nowMs),
    repairs: true,
    wakeAtMs,
  };
}
