import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { KubeObject } from '../client';
import { TARGET_LABEL, targetLabel } from '../names';
import { mapping } from '../plan';
import { describeOnCluster } from '../testing';
import {
  openWorkloadsWorld,
  quiet,
  WorkloadsWorld,
} from '../workloads/__testUtils__/harness';

jest.setTimeout(180_000);

describeOnCluster('The objects of a Plan beside its workload', () => {
  let rooms: WorkloadsWorld;
  beforeAll(async () => {
    rooms = await openWorkloadsWorld();
  });
  afterAll(async () => {
    await rooms?.world.close();
  });

  const oursOf = async (
    target: TargetRef,
    kind: string,
    apiVersion = 'v1',
  ): Promise<KubeObject[]> => {
    const { client, namespace } = rooms.world;
    const { items } = await client.list(
      { apiVersion, kind },
      { namespace, labelSelector: `${TARGET_LABEL}=${targetLabel(target)}` },
      quiet,
    );
    return items;
  };
  const configsOf = async (target: TargetRef) =>
    (await oursOf(target, 'ConfigMap')).filter(
      ({ metadata }) => metadata.labels?.['slipway.dev/role'] === 'config',
    );
  const budget = (name: string, minAvailable: number) =>
    JSON.stringify({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name },
      spec: { minAvailable, selector: { matchLabels: { app: name } } },
    });
  const account = (name: string, word: string) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name, annotations: { word } },
    });

  it('come in two phases: before, only what nobody else sees; shared ones at the promotion', async () => {
    const { world, objects } = rooms;
    const target = world.newTarget();
    const name = world.nameOf(target);
    const plan = (version: string, words: number) =>
      world.plan(target, {
        version,
        route: false,
        config: { GREETING: version },
        extra: [account(name, version), budget(name, words)].join('\n---\n'),
      });
    const [one, two] = [await plan('one', 1), await plan('two', 2)];
    const fence = { epoch: 1, revision: 1 };
    await objects.apply(target, fence, one, 'before', quiet);
    expect(await configsOf(target)).toHaveLength(1);
    expect(await oursOf(target, 'ServiceAccount')).toHaveLength(1);
    const budgets = () => oursOf(target, 'PodDisruptionBudget', 'policy/v1');
    expect(await budgets()).toEqual([]);
    await objects.apply(target, fence, one, 'promote', quiet);
    expect(await budgets()).toMatchObject([{ spec: { minAvailable: 1 } }]);

    await objects.apply(target, fence, two, 'before', quiet);
    expect(await configsOf(target)).toHaveLength(2);
    expect(await budgets()).toMatchObject([{ spec: { minAvailable: 1 } }]);
    const accounts = () => oursOf(target, 'ServiceAccount');
    expect(await accounts()).toMatchObject([
      { metadata: { annotations: { word: 'one' } } },
    ]);
    await objects.apply(target, fence, two, 'promote', quiet);
    expect(await budgets()).toMatchObject([{ spec: { minAvailable: 2 } }]);
    expect(await accounts()).toMatchObject([
      { metadata: { annotations: { word: 'two' } } },
    ]);

    // What a kept Plan names stays; with it goes what only it named.
    await objects.prune(target, fence, [one, two], quiet);
    expect(await configsOf(target)).toHaveLength(2);
    await objects.prune(target, fence, [two], quiet);
    expect(await configsOf(target)).toMatchObject([
      { data: { GREETING: 'two' }, immutable: true },
    ]);
    await expect(
      objects.apply(target, { epoch: 0, revision: 9 }, one, 'promote', quiet),
    ).rejects.toMatchObject({ name: 'StaleEpochError', theirs: 1 });
    await expect(
      objects.prune(target, { epoch: 0, revision: 9 }, [], quiet),
    ).rejects.toMatchObject({ name: 'StaleEpochError', theirs: 1 });
  });

  it('prunes only its own, and gives back what was there before', async () => {
    const { world, objects } = rooms;
    const { client, namespace } = world;
    const target = world.newTarget();
    const name = world.nameOf(target);
    const labels = { [TARGET_LABEL]: 'somebody-elses', app: name };
    const put = (kind: string, objectName: string, more: object) =>
      client.apply(
        {
          apiVersion: 'v1',
          kind,
          metadata: { name: objectName, namespace, ...more },
        },
        { fieldManager: 'platform-team' },
        quiet,
      );
    await put('ConfigMap', `${name}-foreign`, { labels });
    await put('ServiceAccount', name, {});
    const plan = await world.plan(target, {
      version: 'one',
      route: false,
      extra: account(name, 'one'),
    });
    const less = await world.plan(target, { version: 'two', route: false });
    const fence = { epoch: 1, revision: 1 };
    await objects.apply(target, fence, plan, 'promote', quiet);
    expect(await oursOf(target, 'ServiceAccount')).toHaveLength(1);
    await objects.prune(target, fence, [less], quiet);
    expect(await oursOf(target, 'ServiceAccount')).toEqual([]);
    const get = (kind: string, objectName: string) =>
      client.get(
        { apiVersion: 'v1', kind, name: objectName, namespace },
        quiet,
      );
    expect(await get('ServiceAccount', name)).toBeDefined();
    expect(await get('ConfigMap', `${name}-foreign`)).toBeDefined();
  });

  it('does not take a field of somebody else, and names the field and who', async () => {
    const { world, objects } = rooms;
    const { client, namespace } = world;
    const target = world.newTarget();
    const name = world.nameOf(target);
    const plan = await world.plan(target, {
      version: 'one',
      route: false,
      minAvailable: 1,
    });
    await client.apply(
      {
        ...JSON.parse(budget(name, 3)),
        metadata: { name, namespace },
      },
      { fieldManager: 'platform-team' },
      quiet,
    );
    const fence = { epoch: 1, revision: 1 };
    await expect(
      objects.apply(target, fence, plan, 'promote', quiet),
    ).rejects.toMatchObject({
      name: 'ConflictError',
      message: expect.stringMatching(
        /\.spec\.minAvailable belongs to "platform-team"/,
      ),
    });
    await objects.apply(
      target,
      { ...fence, takeOver: true },
      plan,
      'promote',
      quiet,
    );
    await poll('it is as the Plan says', async () => {
      const [found] = await oursOf(target, 'PodDisruptionBudget', 'policy/v1');
      return mapping(found.spec).minAvailable === 1;
    });
  });

  it('has no say about another namespace or the whole cluster', async () => {
    const { world, objects } = rooms;
    const target = world.newTarget();
    const plan = await world.plan(target, {
      version: 'one',
      route: false,
      extra: JSON.stringify({
        apiVersion: 'scheduling.k8s.io/v1',
        kind: 'PriorityClass',
        metadata: { name: 'first' },
        value: 1000000,
      }),
    });
    for (const attempt of [
      () => rooms.workloads.inspect(plan.objects, plan.images, target),
      () =>
        objects.apply(target, { epoch: 1, revision: 1 }, plan, 'before', quiet),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        name: 'InputError',
        message: expect.stringMatching(
          /deploy\.yaml:\d+:1: PriorityClass "first" belongs to the whole cluster/,
        ),
      });
    }
  });
});
