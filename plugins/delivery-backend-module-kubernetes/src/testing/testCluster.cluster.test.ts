import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { TestCluster, describeOnCluster, openTestCluster } from '.';

jest.setTimeout(180_000);

describeOnCluster('The harness of the tests on a cluster', () => {
  let world: TestCluster;
  const { signal } = new AbortController();
  beforeAll(async () => {
    world = await openTestCluster();
  });
  afterAll(async () => {
    await world?.close();
  });

  async function podsOf(name: string) {
    const { items } = await world.client.list(
      { apiVersion: 'v1', kind: 'Pod' },
      { namespace: world.namespace, labelSelector: `app=${name}` },
      signal,
    );
    return items;
  }

  it.each([
    ['by its Service', false],
    ['through the Gateway', true],
  ])('runs a service that answers with its version, %s', async (_, route) => {
    const target = world.newTarget();
    await world.applyPlain(
      await world.plan(target, {
        version: 'one',
        route: route && world.gatewayUrl !== undefined,
      }),
    );
    const answer = await poll('an answer', async () => {
      const now = await world.request(target);
      return now.status === 200 && now;
    });
    expect(answer).toMatchObject({
      version: 'one',
      pod: expect.stringContaining(world.nameOf(target)),
    });
  });

  it('gives each version a digest of its own, and the same one the same', async () => {
    const target = world.newTarget();
    const image = async (version: string) =>
      (await world.plan(target, { version })).images.app;
    expect(await image('one')).toBe(await image('one'));
    expect(await image('two')).not.toBe(await image('one'));
  });

  it('signs in with the rights of the manifests, and no others', async () => {
    const { client } = world.cluster;
    const account = { apiVersion: 'v1', kind: 'Secret' };
    await expect(
      client.list(account, { namespace: world.namespace }, signal),
    ).rejects.toMatchObject({ status: 403 });
    await expect(
      client.create(
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'elsewhere', namespace: 'default' },
        },
        { fieldManager: 'slipway' },
        signal,
      ),
    ).rejects.toMatchObject({ status: 403 });
  });

  it('has services that misbehave', async () => {
    const target = world.newTarget();
    await world.applyPlain(
      await world.plan(target, { version: 'bad', behaviour: 'oom' }),
    );
    const [pod] = await poll('it was killed for its memory', async () => {
      const pods = await podsOf(world.nameOf(target));
      return JSON.stringify(pods).includes('OOMKilled') && pods;
    });
    expect(pod.metadata.name).toContain(world.nameOf(target));
  });
});
