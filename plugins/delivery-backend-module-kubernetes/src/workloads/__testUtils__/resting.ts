import {
  Drift,
  isKnown,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { generationName } from '../../names';
import { createDigestCheck } from '../digests';
import { createPlatformDigests } from '../platformDigests';
import { createWorkloads } from '../workloads';
import { openWorkloadsWorld, quiet } from './harness';

/** Targets at rest, each with one generation of one instance, for others to change. */
export async function openResting() {
  const rooms = await openWorkloadsWorld();
  const { world, objects, traffic } = rooms;
  const { cluster, registry } = world;
  const workloads = createWorkloads({
    cluster,
    traffic,
    digests: createDigestCheck(createPlatformDigests(registry)),
  });

  async function look(target: TargetRef) {
    const seen = await workloads.observe(target, quiet);
    if (!isKnown(seen)) {
      throw new Error(seen.unknown);
    }
    const [state, ...others] = seen.known.generations;
    return { drift: seen.known.drift ?? [], state, others };
  }

  const whole = (target: TargetRef) =>
    poll('it is as it was deployed, and whole', async () => {
      const { drift, state, others } = await look(target);
      return (
        drift.length === 0 &&
        state?.ready === 1 &&
        state.instances.length === 1 &&
        others.length === 0
      );
    });

  return {
    world,
    workloads,
    look,
    whole,
    async running() {
      const target = world.newTarget();
      const plan = await world.plan(target, { version: 'one', route: false });
      const wish = { generation: 'one', plan, track: 'stable', replicas: 1 };
      const fence = { epoch: 1, revision: 1 };
      await objects.apply(target, fence, plan, 'before', quiet);
      await workloads.ensure(target, fence, wish, quiet);
      const name = generationName(world.nameOf(target), 'one');
      await whole(target);
      return { target, wish, name };
    },
    drifted: (target: TargetRef, isIt: (drift: Drift[]) => boolean) =>
      poll('the drift is seen', async () => {
        const { drift } = await look(target);
        return isIt(drift) ? drift : undefined;
      }),
  };
}

export type Resting = Awaited<ReturnType<typeof openResting>>;
