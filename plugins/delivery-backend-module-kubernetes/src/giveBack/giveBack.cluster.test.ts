import { setTimeout as delay } from 'node:timers/promises';
import { isKnown, TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { Plan } from '@slipway/backstage-plugin-delivery-node';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { createPlanObjects } from '../apply';
import { KubeObject } from '../client';
import { ClusterAccess } from '../clusterAccess';
import { describeOnCluster, testManifests } from '../testing';
import { mapping, mappings } from '../plan';
import { createClusterTraffic } from '../traffic';
import { createWorkloads } from '../workloads';
import { byHand } from '../workloads/__testUtils__/byHand';
import {
  openWorkloadsWorld,
  quiet,
  silentLogger,
  WorkloadsWorld,
} from '../workloads/__testUtils__/harness';
import { createGiveBack } from './giveBack';

jest.setTimeout(300_000);

const RECREATE = { type: 'Recreate' };
/** What is wrong for a few milliseconds is met by one of them. */
const CALLERS = 6;

describeOnCluster('Giving back', () => {
  let rooms: WorkloadsWorld;
  let asking: Promise<void> = Promise.resolve();
  let isAsking = false;
  beforeAll(async () => {
    rooms = await openWorkloadsWorld();
  });
  afterAll(async () => {
    await rooms?.world.close();
  });

  /** Requests of several callers, one after the other each, until the test has ended. */
  function startAsking(target: TargetRef) {
    const answers: string[] = [];
    const failures: unknown[] = [];
    isAsking = true;
    const failed = (why: string) =>
      failures.push(`${new Date().toISOString()} ${why}`);
    const caller = async () => {
      while (isAsking) {
        try {
          const answer = await rooms.world.request(target);
          answers.push(answer.version ?? '?');
          if (answer.status !== 200) {
            failed(`${answer.status} ${answer.body}`);
          }
        } catch (error) {
          failed(String(error));
        }
        await delay(10);
      }
    };
    asking = Promise.all(Array.from({ length: CALLERS }, caller)).then(
      () => undefined,
    );
    return { answers, failures };
  }

  async function stopAsking() {
    isAsking = false;
    await asking;
  }
  afterEach(stopAsking);

  /** What the engine does until a generation of its own is stable. */
  async function bringUp(target: TargetRef, plan: Plan, takeOver?: true) {
    const { workloads, traffic, objects } = rooms;
    const fence = (revision: number) => ({
      epoch: 1,
      revision,
      ...(takeOver && { takeOver }),
    });
    await objects.apply(target, fence(1), plan, 'before', quiet);
    const wish = { generation: 'one', plan, track: 'stable', replicas: 2 };
    await workloads.ensure(target, fence(1), wish, quiet);
    const seen = await poll(
      'it is ready',
      async () => {
        const now = await workloads.observe(target, quiet);
        return (
          isKnown(now) &&
          now.known.generations.some(
            ({ generation, ready }) => generation === 'one' && ready === 2,
          ) &&
          now.known.generations
        );
      },
      90_000,
    );
    await poll('the traffic is ours', async () => {
      const shares = [{ generation: 'one', percent: 100 }];
      await traffic.request(target, fence(2), shares, quiet);
      const now = await traffic.observe(target, quiet);
      return (
        isKnown(now) &&
        now.reflects >= 2 &&
        now.known.accepted[0]?.percent === 100
      );
    });
    for (const { generation } of seen) {
      if (generation !== 'one') {
        await workloads.remove(target, fence(3), generation, quiet);
      }
    }
    await objects.apply(target, fence(3), plan, 'promote', quiet);
    await objects.prune(target, fence(3), [plan], quiet);
  }

  /** Asked again and again, as the engine does, each time as another process. */
  async function giveBack(
    target: TargetRef,
    plan: Plan,
    cluster: ClusterAccess = rooms.world.cluster,
  ): Promise<string[]> {
    const told: string[] = [];
    await poll(
      'it is given back',
      async () => {
        const traffic = createClusterTraffic({ cluster, logger: silentLogger });
        const step = createGiveBack({
          cluster,
          workloads: createWorkloads({ cluster, traffic }),
          traffic,
          objects: createPlanObjects({ cluster, traffic }),
        });
        const fence = { epoch: 1, revision: 4, takeOver: true } as const;
        try {
          const { done, message } = await step(target, fence, plan, quiet);
          told.push(message);
          return done;
        } catch (error) {
          told.push(String(error));
          return false;
        }
      },
      240_000,
    );
    return told;
  }

  /** Processes that die right after a write, after each that there is once. */
  function mortal(cluster: ClusterAccess): {
    cluster: ClusterAccess;
    deaths: Set<string>;
  } {
    const deaths = new Set<string>();
    const { client } = cluster;
    const dying =
      <A extends unknown[], R>(
        what: string,
        call: (...args: A) => Promise<R>,
      ) =>
      async (...args: A): Promise<R> => {
        const result = await call(...args);
        // The same write again differs in the version that it is over.
        const write = JSON.stringify([what, ...args.slice(0, 3)]).replace(
          /"(?:resourceVersion|time)":"[^"]*"/g,
          '',
        );
        if (!deaths.has(write) && !write.includes('"dryRun":true')) {
          deaths.add(write);
          throw new Error(`The process died after: ${what}`);
        }
        return result;
      };
    return {
      deaths,
      cluster: {
        ...cluster,
        client: {
          ...client,
          apply: dying('apply', client.apply),
          create: dying('create', client.create),
          patch: dying('patch', client.patch),
          delete: dying('delete', client.delete),
        },
      },
    };
  }

  /** The weights of a route, from each write of it on. */
  function recorded(cluster: ClusterAccess) {
    const written: Array<Map<string, number>> = [];
    const { client } = cluster;
    const apply: typeof client.apply = async (object, ...rest) => {
      const result = await client.apply(object, ...rest);
      if (object.kind === 'HTTPRoute' && mapping(object.spec).rules) {
        written.push(weightsOf(result));
      }
      return result;
    };
    return { written, cluster: { ...cluster, client: { ...client, apply } } };
  }

  function weightsOf({ spec }: KubeObject): Map<string, number> {
    return new Map(
      mappings(mapping(spec).rules)
        .flatMap(({ backendRefs }) => mappings(backendRefs))
        .map(({ name, weight = 1 }) => [String(name), Number(weight)]),
    );
  }

  /** Everything that still says that it was ours. */
  async function leftOfUs(): Promise<string[]> {
    const { client, namespace } = rooms.world;
    const kinds = [
      ['v1', 'Service'],
      ['v1', 'ConfigMap'],
      ['v1', 'Pod'],
      ['apps/v1', 'Deployment'],
      ['gateway.networking.k8s.io/v1', 'HTTPRoute'],
      ['autoscaling/v2', 'HorizontalPodAutoscaler'],
      ['policy/v1', 'PodDisruptionBudget'],
    ];
    const objects: KubeObject[] = [];
    for (const [apiVersion, kind] of kinds) {
      if (await client.resource(apiVersion, kind, quiet)) {
        const { items } = await client.list(
          { apiVersion, kind },
          { namespace },
          quiet,
        );
        objects.push(
          ...items.filter(({ metadata }) => !metadata.deletionTimestamp),
        );
      }
    }
    return objects.flatMap(({ kind, metadata }) => {
      const marks = [
        ...Object.keys(metadata.labels ?? {}),
        ...Object.keys(metadata.annotations ?? {}),
      ].filter(name => name.startsWith('slipway.dev/'));
      const owned = (metadata.managedFields ?? [])
        .map(({ manager = '' }) => manager)
        .filter(manager => manager.startsWith('slipway'));
      return [...marks, ...owned].map(
        mark => `${kind}/${metadata.name}: ${mark}`,
      );
    });
  }

  it('leaves a plain Deployment and its Service, which serve what was stable, without a lost request', async () => {
    const { world } = rooms;
    const target = world.newTarget();
    const name = world.nameOf(target);
    const plan = await world.plan(target, { version: 'one', replicas: 2 });
    await bringUp(target, plan);
    const { answers, failures } = startAsking(target);
    await poll('some answers', async () => answers.length > 10);

    const { cluster, written } = recorded(world.cluster);
    const told = await giveBack(target, plan, cluster);
    expect(told.at(-1)).toMatch(/serve without Slipway/);
    // Envoy hears of backends and of weights in streams of their own: what gets
    // requests was there before, and what got them is there afterwards.
    written.slice(1).forEach((after, index) => {
      const given = (weights: Map<string, number>) =>
        [...weights].flatMap(([backend, weight]) =>
          weight > 0 ? [backend] : [],
        );
      const earlier = written[index];
      expect([...earlier.keys()]).toEqual(expect.arrayContaining(given(after)));
      expect([...after.keys()]).toEqual(expect.arrayContaining(given(earlier)));
    });
    const hands = byHand(world.client, world.namespace);
    expect(await hands.get(name)).toMatchObject({
      spec: { replicas: 2 },
      status: { readyReplicas: 2 },
    });
    const { items } = await world.client.list(
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      { namespace: world.namespace },
      quiet,
    );
    expect(items.map(({ metadata }) => metadata.name)).toEqual([name]);
    expect(await leftOfUs()).toEqual([]);
    const route =
      world.gatewayUrl &&
      (await world.client.get(
        {
          apiVersion: 'gateway.networking.k8s.io/v1',
          kind: 'HTTPRoute',
          name,
          namespace: world.namespace,
        },
        quiet,
      ));
    expect(route ? route.spec : { rules: [] }).toMatchObject({
      rules: world.gatewayUrl ? [{ backendRefs: [{ name, port: 80 }] }] : [],
    });
    const enough = answers.length + 20;
    await poll('some more answers', async () => answers.length > enough);
    await stopAsking();
    expect(failures).toEqual([]);
    expect(new Set(answers)).toEqual(new Set(['one']));

    // It is anybody's now: kubectl applies over it without a conflict.
    const next = await world.plan(target, { version: 'two', replicas: 2 });
    await world.applyPlain(next);
    await poll('kubectl leads', async () => {
      const { version } = await world.request(target);
      return version === 'two';
    });
    for (const { apiVersion, kind, metadata } of items) {
      await world.client.delete(
        { apiVersion, kind, name: metadata.name, namespace: world.namespace },
        {},
        quiet,
      );
    }
  });

  it('goes on where a process died, after each of its writes, and leaves an autoscaler with the Deployment', async () => {
    const { world } = rooms;
    const target = world.newTarget();
    const name = world.nameOf(target);
    const plan = await world.plan(target, {
      version: 'one',
      autoscale: { min: 2, max: 3 },
      minAvailable: 1,
    });
    await bringUp(target, plan);
    const { answers, failures } = startAsking(target);
    await poll('some answers', async () => answers.length > 10);
    const { cluster, deaths } = mortal(world.cluster);
    await giveBack(target, plan, cluster);
    expect(deaths.size).toBeGreaterThan(10);
    await stopAsking();
    expect(failures).toEqual([]);
    expect(new Set(answers)).toEqual(new Set(['one']));
    expect((await leftOfUs()).filter(text => text.includes(name))).toEqual([]);
    const { items } = await world.client.list(
      { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' },
      { namespace: world.namespace },
      quiet,
    );
    expect(items).toMatchObject([
      { spec: { scaleTargetRef: { kind: 'Deployment', name } } },
    ]);
    expect(
      (await byHand(world.client, world.namespace).get(name)).status
        ?.readyReplicas,
    ).toBeGreaterThanOrEqual(2);
  });

  /** A Plan whose Deployment ends all of its pods before it makes new ones. */
  async function recreatedPlan(
    target: TargetRef,
    options: { version: string; replicas: number; route: boolean },
  ) {
    const { world } = rooms;
    const text = testManifests({
      ...options,
      name: world.nameOf(target),
      route:
        options.route && world.gatewayUrl
          ? {
              hostname: world.hostnameOf(target),
              gateway: { name: 'slipway', namespace: 'gateway' },
            }
          : undefined,
    });
    const documents = text.split('\n---\n').map(document => {
      const object = JSON.parse(document);
      return object.kind === 'Deployment'
        ? { ...object, spec: { ...object.spec, strategy: RECREATE } }
        : object;
    });
    return await world.plan(target, {
      ...options,
      manifests: documents
        .map(object => JSON.stringify(object))
        .join('\n---\n'),
    });
  }

  it.each([
    { strategy: 'RollingUpdate', route: false },
    { strategy: 'Recreate', route: false },
    { strategy: 'Recreate', route: true },
  ])(
    'takes a Deployment over and gives it back under its own name, without a lost request: %j',
    async ({ strategy, route }) => {
      const { world } = rooms;
      const target = world.newTarget();
      const name = world.nameOf(target);
      const planOf = async (version: string) =>
        strategy === 'Recreate'
          ? await recreatedPlan(target, { version, route, replicas: 2 })
          : await world.plan(target, { version, route, replicas: 2 });
      const before = await planOf('plain');
      await world.applyPlain(before);
      const hands = byHand(world.client, world.namespace);
      await poll('it serves', async () => {
        const { version } = await world.request(target);
        const { status } = await hands.get(name);
        return version === 'plain' && status?.readyReplicas === 2;
      });
      const { uid } = (await hands.get(name)).metadata;
      const plan = await planOf('one');
      expect(await inspected(plan, target)).toHaveLength(
        strategy === 'Recreate' ? 1 : 0,
      );
      const { answers, failures } = startAsking(target);
      await poll('some answers', async () => answers.length > 100);
      await bringUp(target, plan, true);
      await poll('ours serves', async () =>
        answers.slice(-20).every(version => version === 'one'),
      );
      expect(failures).toEqual([]);
      const since = answers.length;
      await giveBack(target, plan);
      const given = await hands.get(name);
      expect(given.metadata.uid).toBe(uid);
      expect(given.status?.readyReplicas).toBe(2);
      expect(given.spec).toMatchObject({ strategy: { type: strategy } });
      expect((await leftOfUs()).filter(text => text.includes(name))).toEqual(
        [],
      );
      const enough = answers.length + 100;
      await poll('some more answers', async () => answers.length > enough);
      await stopAsking();
      expect(failures).toEqual([]);
      expect(new Set(answers.slice(since))).toEqual(new Set(['one']));
    },
  );

  /** What whoever wrote the manifests is told of them. */
  async function inspected(
    { objects, images }: Plan,
    target: TargetRef,
  ): Promise<string[]> {
    const { ignored } = await rooms.workloads.inspect(objects, images, target);
    return ignored;
  }
});
