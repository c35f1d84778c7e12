import {
  Drift,
  InstanceState,
  isKnown,
  TargetCause,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { KubeObject } from '../client';
import { GENERATION_LABEL, generationName, PLAN_ANNOTATION } from '../names';
import { mapping } from '../plan';
import { describeOnCluster } from '../testing';
import { createClusterWatch, createLiveSource } from '../watch';
import { byHand } from './__testUtils__/byHand';
import {
  openWorkloadsWorld,
  quiet,
  silentLogger,
  WorkloadsWorld,
} from './__testUtils__/harness';
import { createDigestCheck } from './digests';
import { editsOf } from './drift';
import { createPlatformDigests } from './platformDigests';
import { createWorkloads } from './workloads';

jest.setTimeout(300_000);

describeOnCluster('What others change of what was deployed', () => {
  let rooms: WorkloadsWorld;
  beforeAll(async () => {
    rooms = await openWorkloadsWorld();
    const { cluster, registry } = rooms.world;
    rooms.workloads = createWorkloads({
      cluster,
      traffic: rooms.traffic,
      digests: createDigestCheck(createPlatformDigests(registry)),
    });
  });
  afterAll(async () => {
    await rooms?.world.close();
  });

  async function look(target: TargetRef) {
    const seen = await rooms.workloads.observe(target, quiet);
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

  async function running() {
    const { world, workloads, objects } = rooms;
    const target = world.newTarget();
    const plan = await world.plan(target, { version: 'one', route: false });
    const wish = { generation: 'one', plan, track: 'stable', replicas: 1 };
    const fence = { epoch: 1, revision: 1 };
    await objects.apply(target, fence, plan, 'before', quiet);
    await workloads.ensure(target, fence, wish, quiet);
    const name = generationName(world.nameOf(target), 'one');
    await whole(target);
    return { target, wish, name };
  }

  const drifted = (target: TargetRef, isIt: (drift: Drift[]) => boolean) =>
    poll('the drift is seen', async () => {
      const { drift } = await look(target);
      return isIt(drift) ? drift : undefined;
    });

  it.each<[string, string, (name: string) => Promise<unknown>, RegExp]>([
    [
      'an image, as kubectl set image does',
      'kubectl-edit',
      async name => {
        const hands = byHand(rooms.world.client, rooms.world.namespace);
        const { spec } = await hands.get(name);
        const [container] = spec?.template?.spec?.containers ?? [];
        const other = await rooms.world.plan(rooms.world.newTarget(), {
          version: 'other',
          route: false,
        });
        await hands.edit(name, {
          spec: {
            template: {
              spec: { containers: [{ ...container, image: other.images.app }] },
            },
          },
        });
      },
      /\.spec\.template\.spec\.containers\[name="app"\]\.image was changed$/,
    ],
    [
      'an annotation of ours, by hand',
      'kubectl-edit',
      name =>
        byHand(rooms.world.client, rooms.world.namespace).edit(name, {
          metadata: { annotations: { [PLAN_ANNOTATION]: 'mine' } },
        }),
      /\.metadata\.annotations\.slipway\.dev\/plan was changed$/,
    ],
  ])(
    'is told with who did it and put right when it is written with that right: %s',
    async (_what, by, change, message) => {
      const { target, wish, name } = await running();
      await change(name);
      const found = await drifted(target, drift => drift.length > 0);
      expect(found).toEqual([
        {
          kind: 'edited',
          about: `Deployment/${name}`,
          message: expect.stringMatching(message),
          by,
          atMs: expect.any(Number),
          fields: [expect.objectContaining({ field: expect.any(String) })],
        },
      ]);
      // Without the right to it nothing is written over, with it all is.
      await expect(
        rooms.workloads.ensure(target, { epoch: 1, revision: 2 }, wish, quiet),
      ).rejects.toMatchObject({ name: 'ConflictError' });
      await rooms.workloads.ensure(
        target,
        { epoch: 1, revision: 3, takeOver: true },
        wish,
        quiet,
      );
      await whole(target);
    },
  );

  it('is no drift where others only add beside it: their own notes, a restart with kubectl', async () => {
    const { target, name } = await running();
    const hands = byHand(rooms.world.client, rooms.world.namespace);
    await hands.edit(name, {
      metadata: { annotations: { note: 'look here' } },
      spec: {
        template: {
          metadata: {
            annotations: {
              'kubectl.kubernetes.io/restartedAt': new Date().toISOString(),
            },
          },
        },
      },
    });
    await whole(target);
    const { drift } = await look(target);
    expect(drift).toEqual([]);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'a variable',
      {
        containers: [{ name: 'app', env: [{ name: 'FOO', value: 'bar' }] }],
      },
      /containers\[name="app"\]\.env\[name="FOO"\]/,
    ],
    [
      'a container beside ours',
      { containers: [{ name: 'sidecar', image: 'app' }] },
      /containers\[name="sidecar"\]/,
    ],
    [
      'a probe of another kind in the place of ours',
      {
        containers: [
          {
            name: 'app',
            readinessProbe: { httpGet: null, tcpSocket: { port: 'http' } },
          },
        ],
      },
      /\.readinessProbe\.tcpSocket/,
    ],
    [
      'fields of the pod, with what Kubernetes fills in',
      {
        hostAliases: [{ ip: '10.0.0.1', hostnames: ['x'] }],
        securityContext: { runAsUser: 1000 },
        volumes: [{ name: 'scratch', emptyDir: {} }],
      },
      /\.hostAliases.*\.volumes\[name="scratch"\]/,
    ],
  ])(
    'is taken away where it was added to the pods, in one write, and the pods are those of before: %s',
    async (_what, podSpec, fields) => {
      const { target, wish, name } = await running();
      const { client, namespace } = rooms.world;
      const hands = byHand(client, namespace);
      const before = await hands.get(name);
      const [container] = before.spec?.template?.spec?.containers ?? [];
      const text = JSON.stringify(podSpec).replaceAll(
        '"image":"app"',
        `"image":"${container.image}"`,
      );
      // As kubectl writes: items of lists by their names.
      await hands.strategic(name, {
        metadata: { annotations: { note: 'look here' } },
        spec: {
          template: {
            metadata: {
              annotations: {
                note: 'mine',
                'kubectl.kubernetes.io/restartedAt': '2026-11-24T10:00:00Z',
              },
            },
            spec: JSON.parse(text),
          },
        },
      });
      const [found] = await drifted(target, drift => drift.length > 0);
      expect(found.message).toMatch(fields);
      expect(found.message).toMatch(/\.template\.metadata\.annotations\.note/);
      // Without the right to it everything stays: ours comes beside it, or is refused.
      await rooms.workloads
        .ensure(target, { epoch: 1, revision: 2 }, wish, quiet)
        .catch(() => undefined);
      expect((await look(target)).drift).toEqual([found]);

      const { metadata } = await hands.get(name);
      await rooms.workloads.ensure(
        target,
        { epoch: 1, revision: 3, takeOver: true },
        wish,
        quiet,
      );
      const after = await hands.get(name);
      expect((await look(target)).drift).toEqual([]);
      expect(after.metadata.generation).toBe((metadata.generation ?? 0) + 1);
      expect(after.metadata.annotations?.note).toBe('look here');
      const restarted = 'kubectl.kubernetes.io/restartedAt';
      const { template } = after.spec ?? {};
      const { [restarted]: at, ...annotations } =
        template?.metadata?.annotations ?? {};
      expect(at).toBeDefined();
      expect(annotations).toEqual(before.spec?.template?.metadata?.annotations);
      expect(template?.spec).toEqual(before.spec?.template?.spec);
      await whole(target);
    },
  );

  it('is not taken away by an older epoch, nor where the write is refused', async () => {
    const { target, wish, name } = await running();
    const hands = byHand(rooms.world.client, rooms.world.namespace);
    await hands.edit(name, {
      metadata: { annotations: { 'slipway.dev/epoch': '7' } },
      spec: { template: { metadata: { annotations: { note: 'mine' } } } },
    });
    const before = await hands.get(name);
    await expect(
      rooms.workloads.ensure(
        target,
        { epoch: 6, revision: 9, takeOver: true },
        wish,
        quiet,
      ),
    ).rejects.toMatchObject({ name: 'StaleEpochError' });
    const after = await hands.get(name);
    expect(after.metadata.generation).toBe(before.metadata.generation);
    expect(editsOf(after)).toEqual(editsOf(before));
    await expect(
      rooms.workloads.ensure(
        target,
        { epoch: 7, revision: 9, takeOver: true },
        { ...wish, replicas: -1 },
        quiet,
      ),
    ).rejects.toThrow(/replicas/);
    // Whoever looks still sees what was added, and by whom.
    const found = await drifted(target, drift => drift.length > 0);
    expect(found).toMatchObject([
      { by: 'kubectl-edit', message: expect.stringContaining('.note') },
    ]);
  });

  it('is a copy that somebody made of it: told, not counted, and not written to', async () => {
    const { target, wish, name } = await running();
    const { client, namespace } = rooms.world;
    const original = await byHand(client, namespace).get(name);
    const copy: KubeObject = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name: `${name}-copy`,
        namespace,
        labels: original.metadata.labels,
        annotations: original.metadata.annotations,
      },
      spec: mapping(original.spec),
    };
    await client.create(copy, { fieldManager: 'kubectl-create' }, quiet);
    const found = await drifted(target, drift => drift.length > 0);
    expect(found).toEqual([
      expect.objectContaining({
        kind: 'copy',
        about: `Deployment/${name}-copy`,
        by: 'kubectl-create',
        message: expect.stringMatching(
          /carries the labels of generation one and is not ours: its pods get requests too/,
        ),
      }),
    ]);
    await poll('its pod runs', async () => {
      const { items } = await client.list(
        { apiVersion: 'v1', kind: 'Pod' },
        { namespace, labelSelector: `${GENERATION_LABEL}=one` },
        quiet,
      );
      return items.some(({ metadata }) => metadata.name.includes('-copy-'));
    });
    expect((await look(target)).state).toMatchObject({ wanted: 1, ready: 1 });
    await rooms.workloads.ensure(
      target,
      { epoch: 1, revision: 2 },
      { ...wish, replicas: 2 },
      quiet,
    );
    const left = await byHand(client, namespace).get(`${name}-copy`);
    expect(left.spec?.replicas).toBe(1);
  });

  it('is seen by who looks, at once, with the digests that really run', async () => {
    const { cluster, registry } = rooms.world;
    const ended = new AbortController();
    try {
      const { target, name } = await running();
      const causes = new Map<string, TargetCause[]>();
      const instances = new Map<string, InstanceState[]>();
      createLiveSource({
        cluster,
        watch: createClusterWatch({ cluster, logger: silentLogger }),
        logger: silentLogger,
        digests: createDigestCheck(createPlatformDigests(registry)),
      }).watch(
        (of, state) => {
          if (isKnown(state)) {
            instances.set(of.service, state.known);
          }
        },
        ended.signal,
        undefined,
        (of, beside) => {
          if (isKnown(beside)) {
            causes.set(of.service, beside.known.causes);
          }
        },
      );
      const other = await rooms.world.plan(rooms.world.newTarget(), {
        version: 'other',
        route: false,
      });
      const hands = byHand(rooms.world.client, rooms.world.namespace);
      const { spec } = await hands.get(name);
      const [container] = spec?.template?.spec?.containers ?? [];
      await hands.edit(name, {
        spec: {
          template: {
            spec: { containers: [{ ...container, image: other.images.app }] },
          },
        },
      });
      await poll('the change is told', async () =>
        causes
          .get(target.service)
          ?.some(
            ({ code, by }) =>
              code === 'changed-by-others' && by === 'kubectl-edit',
          ),
      );
      const wrong = await poll('the pod is accused', async () =>
        instances
          .get(target.service)
          ?.find(({ cause }) => cause?.code === 'image-mismatch'),
      );
      expect(wrong.digests?.app).toBe(other.images.app.split('@')[1]);
    } finally {
      ended.abort();
    }
  });
});
