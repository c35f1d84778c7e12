import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { refOf } from '../client';
import { admissionOf, describeOnCluster } from '../testing';
import { byHand } from './__testUtils__/byHand';
import { quiet } from './__testUtils__/harness';
import { openResting, Resting } from './__testUtils__/resting';
import { editsOf } from './drift';

jest.setTimeout(300_000);

describeOnCluster('What others add to what was deployed', () => {
  let rooms: Resting;
  beforeAll(async () => {
    rooms = await openResting();
  });
  afterAll(async () => {
    await rooms?.world.close();
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
      const { target, wish, name } = await rooms.running();
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
      const [found] = await rooms.drifted(target, drift => drift.length > 0);
      expect(found.message).toMatch(fields);
      expect(found.message).toMatch(/\.template\.metadata\.annotations\.note/);
      // Without the right to it everything stays: ours comes beside it, or is refused.
      await rooms.workloads
        .ensure(target, { epoch: 1, revision: 2 }, wish, quiet)
        .catch(() => undefined);
      expect((await rooms.look(target)).drift).toEqual([found]);

      const { metadata } = await hands.get(name);
      await rooms.workloads.ensure(
        target,
        { epoch: 1, revision: 3, takeOver: true },
        wish,
        quiet,
      );
      const after = await hands.get(name);
      expect((await rooms.look(target)).drift).toEqual([]);
      expect(after.metadata.generation).toBe((metadata.generation ?? 0) + 1);
      expect(after.metadata.annotations?.note).toBe('look here');
      const restarted = 'kubectl.kubernetes.io/restartedAt';
      const { template } = after.spec ?? {};
      const { [restarted]: at, ...annotations } =
        template?.metadata?.annotations ?? {};
      expect(at).toBeDefined();
      expect(annotations).toEqual(before.spec?.template?.metadata?.annotations);
      expect(template?.spec).toEqual(before.spec?.template?.spec);
      await rooms.whole(target);
    },
  );

  it('is not taken away by an older epoch, nor where the write is refused', async () => {
    const { target, wish, name } = await rooms.running();
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
    const found = await rooms.drifted(target, drift => drift.length > 0);
    expect(found).toMatchObject([
      { by: 'kubectl-edit', message: expect.stringContaining('.note') },
    ]);
  });

  it('is told and left alone where an admission adds it, and what somebody added beside it goes', async () => {
    const { client, namespace } = rooms.world;
    const { target, wish, name } = await rooms.running();
    const hands = byHand(client, namespace);
    const before = await hands.get(name);
    const [{ image }] = before.spec?.template?.spec?.containers ?? [];
    const policy = `${namespace}-sidecar`;
    const { policy: admission, binding } = injecting(policy, {
      namespace,
      deployment: name,
      image: `${image}`,
    });
    const manager = { fieldManager: 'slipway-test' };
    await client.create(admission, manager, quiet);
    await client.create(binding, manager, quiet);
    try {
      await poll('it is in force', async () => {
        const edited = await hands.strategic(name, {
          metadata: { annotations: { note: `${Date.now()}` } },
        });
        return JSON.stringify(edited).includes('"proxy"');
      });
      await hands.strategic(name, {
        spec: {
          template: {
            spec: {
              containers: [
                { name: 'app', env: [{ name: 'FOO', value: 'bar' }] },
              ],
            },
          },
        },
      });
      const found = await rooms.drifted(target, drift => drift.length > 1);
      expect(found.map(({ kind }) => kind).sort()).toEqual([
        'admission',
        'edited',
      ]);
      for (const revision of [3, 4]) {
        await rooms.workloads.ensure(
          target,
          { epoch: 1, revision, takeOver: true },
          wish,
          quiet,
        );
        const { drift } = await rooms.look(target);
        expect(drift).toMatchObject([
          {
            kind: 'admission',
            by: `MutatingAdmissionPolicy "${policy}"`,
            message: expect.stringMatching(/container "proxy" was added/),
          },
        ]);
      }
      const { spec } = await hands.get(name);
      expect(
        spec?.template?.spec?.containers?.map(container => container.name),
      ).toEqual(['app', 'proxy']);
      expect(JSON.stringify(spec)).not.toContain('FOO');
    } finally {
      await client.delete(refOf(binding), {}, quiet);
      await client.delete(refOf(admission), {}, quiet);
    }
  });
});

/** An admission that adds a container to a Deployment whenever it is written. */
function injecting(
  name: string,
  to: { namespace: string; deployment: string; image: string },
) {
  const container = `Object.spec.template.spec.containers{name: "proxy", image: ${JSON.stringify(
    to.image,
  )}}`;
  return admissionOf({
    name,
    namespace: to.namespace,
    rule: {
      apiGroups: ['apps'],
      resources: ['deployments'],
      operations: ['CREATE', 'UPDATE'],
    },
    matchConditions: [
      {
        name: 'this',
        expression: `object.metadata.name == "${to.deployment}"`,
      },
    ],
    mutation: {
      patchType: 'ApplyConfiguration',
      applyConfiguration: {
        expression: `Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [${container}]}}}}`,
      },
    },
  });
}
