import {
  InstanceState,
  isKnown,
  TargetCause,
} from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { KubeObject } from '../client';
import { GENERATION_LABEL, PLAN_ANNOTATION } from '../names';
import { mapping } from '../plan';
import { describeOnCluster } from '../testing';
import { createClusterWatch, createLiveSource } from '../watch';
import { byHand } from './__testUtils__/byHand';
import { quiet, silentLogger } from './__testUtils__/harness';
import { openResting, Resting } from './__testUtils__/resting';
import { createDigestCheck } from './digests';
import { createPlatformDigests } from './platformDigests';

jest.setTimeout(300_000);

describeOnCluster('What others change of what was deployed', () => {
  let rooms: Resting;
  beforeAll(async () => {
    rooms = await openResting();
  });
  afterAll(async () => {
    await rooms?.world.close();
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
      const { target, wish, name } = await rooms.running();
      await change(name);
      const found = await rooms.drifted(target, drift => drift.length > 0);
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
      await rooms.whole(target);
    },
  );

  it('is no drift where others only add beside it: their own notes, a restart with kubectl', async () => {
    const { target, name } = await rooms.running();
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
    await rooms.whole(target);
    const { drift } = await rooms.look(target);
    expect(drift).toEqual([]);
  });

  it('is a copy that somebody made of it: told, not counted, and not written to', async () => {
    const { target, wish, name } = await rooms.running();
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
    const found = await rooms.drifted(target, drift => drift.length > 0);
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
    expect((await rooms.look(target)).state).toMatchObject({
      wanted: 1,
      ready: 1,
    });
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
      const { target, name } = await rooms.running();
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
