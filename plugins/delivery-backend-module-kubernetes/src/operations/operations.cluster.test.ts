import {
  InstanceState,
  Observed,
  stringifyTarget,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import {
  InstanceNews,
  Operations,
} from '@slipway/backstage-plugin-delivery-node';
import {
  ConnectionHarness,
  poll,
} from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster, TestCluster } from '../testing';
import { createConnectionHarness } from '../watch/__testUtils__/connectionHarness';

jest.setTimeout(240_000);

const quiet = new AbortController().signal;
const fence = { epoch: 1, revision: 1 };

describeOnCluster('What people and the cluster do to instances', () => {
  let harness: ConnectionHarness & { world: TestCluster };
  const ended = new AbortController();
  const states = new Map<string, Observed<InstanceState[]>>();
  const news: InstanceNews[] = [];

  beforeAll(async () => {
    harness = await createConnectionHarness();
    harness.connection.live.watch(
      (target, state) => states.set(stringifyTarget(target), state),
      ended.signal,
      told => news.push(told),
    );
  });

  afterAll(async () => {
    ended.abort();
    await harness?.close();
  });

  function operations(): Operations {
    const offered = harness.connection.operations;
    if (!offered) {
      throw new Error('The connection offers no operations');
    }
    return offered;
  }

  function ready(target: TargetRef): string[] {
    const state = states.get(stringifyTarget(target));
    return state && 'known' in state
      ? state.known.filter(instance => instance.ready).map(({ id }) => id)
      : [];
  }

  const untilReady = (target: TargetRef, count: number) =>
    poll(
      `${count} ready`,
      async () => ready(target).length === count && ready(target),
      120_000,
    );

  const untilNews = (target: TargetRef, type: string) =>
    poll(
      `news ${type}`,
      async () =>
        news.find(
          told =>
            told.type === type &&
            stringifyTarget(told.target) === stringifyTarget(target),
        ),
      120_000,
    );

  async function bringUp(behaviour: 'good' | 'crashing', generation = 'one') {
    const target = harness.newTarget();
    const plan = await harness.plan(target, { version: 'one', behaviour });
    await harness.connection.workloads.ensure(
      target,
      fence,
      { generation, plan, track: 'stable', replicas: 1 },
      quiet,
    );
    return { target, plan };
  }

  it('scales what runs without the engine counting otherwise, deletes a pod, and tells the timeline what others did', async () => {
    const { target } = await bringUp('good');
    await untilReady(target, 1);
    const { client, namespace, nameOf } = harness.world;

    await poll('scale is offered', async () =>
      (await operations().list(target, quiet)).some(({ id }) => id === 'scale'),
    );
    await operations().run(target, 'scale', { replicas: 2 }, 'k1', quiet);
    const [first] = await untilReady(target, 2);
    const observed = await harness.connection.workloads.observe(target, quiet);
    expect(observed).toMatchObject({
      known: { generations: [{ generation: 'one', wanted: 1, ready: 1 }] },
    });

    const { message } = await operations().run(
      target,
      'delete-instance',
      { instance: first },
      'k2',
      quiet,
    );
    expect(message).toContain(first);
    expect(await untilNews(target, 'instance-replaced')).toMatchObject({
      message: expect.stringContaining(first),
      generation: 'one',
    });
    const [second] = await untilReady(target, 2);

    await client.raw(
      {
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/pods/${second}/eviction`,
        body: {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name: second, namespace },
        },
      },
      quiet,
    );
    expect(await untilNews(target, 'instance-evicted')).toMatchObject({
      message: expect.stringContaining(second),
    });

    await client.patch(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        name: `${nameOf(target)}-one`,
        namespace,
      },
      { spec: { replicas: 1 } },
      { fieldManager: 'kubectl' },
      quiet,
    );
    expect(await untilNews(target, 'scaled')).toMatchObject({
      message: expect.stringMatching(/from 2 to 1 by somebody else/),
    });
    await untilReady(target, 1);
    // Scaling down is no replacement.
    expect(
      news.filter(
        told =>
          told.type === 'instance-replaced' &&
          stringifyTarget(told.target) === stringifyTarget(target),
      ),
    ).toHaveLength(1);
  });

  it('refuses what makes no sense or is not its own, with what to do', async () => {
    const { target, plan } = await bringUp('good');
    const [instance] = await untilReady(target, 1);
    const run = (
      operation: string,
      args: Record<string, string | number | boolean>,
      of = target,
    ) => operations().run(of, operation, args, 'key', quiet);

    await expect(run('delete-instance', {})).rejects.toThrow(/"instance"/);
    await expect(
      run('delete-instance', { instance }, harness.newTarget()),
    ).rejects.toThrow(/has no instance/);
    await expect(run('scale', { replicas: 0 })).rejects.toThrow(/from 1 to/);
    await expect(run('scale', { replicas: 1.5 })).rejects.toThrow(/whole/);
    await expect(run('explode', {})).rejects.toThrow(/no operation "explode"/);

    // A restart is another generation of the same Plan beside what serves.
    await harness.connection.workloads.ensure(
      target,
      { epoch: 1, revision: 2 },
      { generation: 'one-again', plan, track: 'canary', replicas: 1 },
      quiet,
    );
    const both = await untilReady(target, 2);
    expect(both).toContain(instance);
    await expect(run('scale', { replicas: 3 })).rejects.toThrow(
      /2 generations run here/,
    );
    const offered = await operations().list(target, quiet);
    expect(offered.find(({ id }) => id === 'scale')).toMatchObject({
      unavailable: expect.stringMatching(/2 generations run here/),
      arguments: [{ name: 'replicas', type: 'integer', min: 1, current: 1 }],
    });
  });

  it('deletes no ready pod that a PodDisruptionBudget keeps, unless it is forced', async () => {
    const { target } = await bringUp('good');
    const [instance] = await untilReady(target, 1);
    const { client, namespace, nameOf } = harness.world;
    const deployment = await client.get(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        name: `${nameOf(target)}-one`,
        namespace,
      },
      quiet,
    );
    await client.create(
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: {
          name: `${nameOf(target)}-budget`,
          namespace,
          labels: {
            'slipway.dev/target':
              deployment?.metadata.labels?.['slipway.dev/target'] ?? '',
          },
        },
        spec: {
          minAvailable: 1,
          selector: { matchLabels: { app: nameOf(target) } },
        },
      },
      { fieldManager: 'kubectl' },
      quiet,
    );
    await poll(
      'the budget refuses',
      async () => {
        const answer = await operations()
          .run(
            target,
            'delete-instance',
            { instance, force: false },
            'k',
            quiet,
          )
          .then(
            () => 'deleted',
            error => String(error),
          );
        expect(answer).toMatch(/PodDisruptionBudget .* allows no pod to go/);
        return true;
      },
      10_000,
    );
    await operations().run(
      target,
      'delete-instance',
      { instance, force: true },
      'k',
      quiet,
    );
    await poll(
      'another one',
      async () => {
        const [now] = ready(target);
        return now !== undefined && now !== instance;
      },
      60_000,
    );
  });

  it('leaves the number to an autoscaler, says so, and tells the timeline what it did', async () => {
    const { world } = harness;
    const target = harness.newTarget();
    const plan = await world.plan(target, {
      version: 'one',
      route: false,
      autoscale: { min: 2, max: 3 },
    });
    const { workloads, objects } = harness.connection;
    await objects?.apply(target, fence, plan, 'before', quiet);
    await workloads.ensure(
      target,
      fence,
      { generation: 'one', plan, track: 'stable', replicas: 1 },
      quiet,
    );
    await untilReady(target, 1);
    await objects?.apply(target, fence, plan, 'promote', quiet);
    expect(await untilNews(target, 'scaled')).toMatchObject({
      level: 'info',
      message: expect.stringMatching(/^The autoscaler .*New size: 2/),
    });
    await untilReady(target, 2);
    await poll('it is said', async () =>
      (
        await operations().list(target, quiet)
      ).some(
        ({ id, unavailable }) =>
          id === 'scale' && unavailable?.startsWith('HorizontalPodAutoscaler/'),
      ),
    );
    await expect(
      operations().run(target, 'scale', { replicas: 1 }, 'k', quiet),
    ).rejects.toThrow(/HorizontalPodAutoscaler\/.* decides how many/);
  });

  it('tells restarts with the reason that the container ended for', async () => {
    const { target } = await bringUp('crashing');
    expect(await untilNews(target, 'instance-restarted')).toMatchObject({
      level: 'warning',
      message: expect.stringContaining('exit code 7'),
      reason: { code: 'exited' },
    });
    const cause = await poll(
      'the crash loop with its last words',
      async () => {
        const state = states.get(stringifyTarget(target));
        const found = state && 'known' in state && state.known[0]?.cause;
        return found && found.code === 'crash-loop' && found;
      },
      120_000,
    );
    expect(cause.evidence).toContain('the till is empty');
  });
});
