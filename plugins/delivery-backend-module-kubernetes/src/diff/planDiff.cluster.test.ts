import { isKnown } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster } from '../testing';
import {
  openWorkloadsWorld,
  quiet,
  WorkloadsWorld,
} from '../workloads/__testUtils__/harness';
import { createPlanDiff } from './planDiff';

jest.setTimeout(180_000);

describeOnCluster('What a Plan would change', () => {
  let rooms: WorkloadsWorld;
  beforeAll(async () => {
    rooms = await openWorkloadsWorld();
  });
  afterAll(async () => {
    await rooms?.world.close();
  });

  it('is everything at first, nothing once it is there, and then what differs', async () => {
    const { world, workloads, objects } = rooms;
    const target = world.newTarget();
    const name = world.nameOf(target);
    const diff = createPlanDiff({ cluster: world.cluster });
    const plan = (version: string, more = {}) =>
      world.plan(target, {
        version,
        route: false,
        config: { GREETING: 'hello', SECRET_HINT: 'ask' },
        minAvailable: 1,
        ...more,
      });
    const one = await plan('one');
    expect(await diff(target, one, quiet)).toEqual({
      changes: [
        'Deployment',
        'ConfigMap',
        'PodDisruptionBudget',
        'Service',
      ].map(kind => ({
        id: `${kind}/${name}`,
        change: 'added',
        fields: [],
        more: 0,
      })),
      unchanged: 0,
    });

    const fence = { epoch: 1, revision: 1 };
    await objects.apply(target, fence, one, 'before', quiet);
    await workloads.ensure(
      target,
      fence,
      { generation: 'one', plan: one, track: 'stable', replicas: 1 },
      quiet,
    );
    await objects.apply(target, fence, one, 'promote', quiet);
    expect(await diff(target, one, quiet)).toEqual({
      changes: [],
      unchanged: 4,
    });

    const two = await plan('two', {
      config: { GREETING: 'good evening', SECRET_HINT: 'ask' },
      memory: '96Mi',
      minAvailable: undefined,
    });
    const { changes, unchanged } = await diff(target, two, quiet);
    expect(changes).toEqual([
      {
        id: `Deployment/${name}`,
        change: 'changed',
        fields: [
          {
            path: 'spec.template.spec.containers[app].image',
            before: one.images.app,
            after: two.images.app,
          },
          {
            path: 'spec.template.spec.containers[app].resources.limits.memory',
            before: '128Mi',
            after: '96Mi',
          },
        ],
        more: 0,
      },
      {
        id: `ConfigMap/${name}`,
        change: 'changed',
        fields: [
          { path: 'data.GREETING', before: 'hello', after: 'good evening' },
        ],
        more: 0,
      },
      {
        id: `PodDisruptionBudget/${name}`,
        change: 'removed',
        fields: [],
        more: 0,
      },
    ]);
    expect(unchanged).toBe(1);
    // Nothing of it was written.
    expect(
      await world.client.get(
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          name: `${name}-dry-run`,
          namespace: world.namespace,
        },
        quiet,
      ),
    ).toBeUndefined();
  });

  it('shows what changes of the rules of a route, and no generation', async () => {
    const { world, workloads, traffic, objects } = rooms;
    if (!world.gatewayUrl) {
      console.warn('Not tested without a Gateway: rules in a diff');
      return;
    }
    const target = world.newTarget();
    const name = world.nameOf(target);
    const diff = createPlanDiff({ cluster: world.cluster });
    const one = await world.plan(target, { version: 'one' });
    const fence = { epoch: 1, revision: 1 };
    await objects.apply(target, fence, one, 'before', quiet);
    const wish = { generation: 'one', plan: one, track: 'stable', replicas: 1 };
    await workloads.ensure(target, fence, wish, quiet);
    await poll('the generation has the traffic', async () => {
      const shares = [{ generation: 'one', percent: 100 }];
      await traffic.request(target, fence, shares, quiet);
      const seen = await traffic.observe(target, quiet);
      return isKnown(seen) && seen.known.accepted[0]?.percent === 100;
    });
    await objects.apply(target, fence, one, 'promote', quiet);
    expect((await diff(target, one, quiet)).changes).toEqual([]);

    const text = one.objects
      .map(({ bytes }) => bytes.toString())
      .find(found => found.includes('HTTPRoute'));
    const changed = {
      ...one,
      id: 'f'.repeat(64),
      objects: one.objects.map(object => {
        const content = object.bytes.toString();
        return content === text
          ? {
              ...object,
              bytes: Buffer.from(
                content.replace(
                  /"rules":\s*\[\s*\{/,
                  '"rules":[{"timeouts":{"request":"5s"},',
                ),
              ),
            }
          : object;
      }),
    };
    expect((await diff(target, changed, quiet)).changes).toEqual([
      {
        id: `HTTPRoute/${name}`,
        change: 'changed',
        fields: [
          {
            path: expect.stringMatching(/^spec\.rules\[.*timeouts/),
            after: expect.stringContaining('5s'),
          },
        ],
        more: 0,
      },
    ]);
  });

  it('shows fields that others own, and what the cluster would refuse, with its place', async () => {
    const { world, workloads } = rooms;
    const target = world.newTarget();
    const name = world.nameOf(target);
    const diff = createPlanDiff({ cluster: world.cluster });
    const plan = await world.plan(target, {
      version: 'one',
      route: false,
      minAvailable: 1,
    });
    await world.client.apply(
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name, namespace: world.namespace },
        spec: { minAvailable: 5, selector: { matchLabels: { app: name } } },
      },
      { fieldManager: 'platform-team' },
      quiet,
    );
    const { changes } = await diff(target, plan, quiet);
    expect(changes.find(({ id }) => id.startsWith('PodDisruption'))).toEqual({
      id: `PodDisruptionBudget/${name}`,
      change: 'changed',
      fields: [{ path: 'spec.minAvailable', before: '5', after: '1' }],
      more: 0,
      problem: expect.stringMatching(
        /\.spec\.minAvailable belongs to "platform-team"/,
      ),
    });

    const wrong = await world.plan(target, {
      version: 'one',
      route: false,
      extra: JSON.stringify({
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'wrong' },
        spec: { minAvailabel: 1 },
      }),
    });
    await expect(
      workloads.inspect(wrong.objects, wrong.images, target),
    ).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringMatching(/deploy\.yaml:\d+:1: .*minAvailabel/s),
    });
  });
});
