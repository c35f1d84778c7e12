import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster, TestCluster } from '../testing';
import {
  EngineWorld,
  openEngineWorld,
} from '../testing/__testUtils__/engineWorld';
import {
  bringFirst,
  expectNothingTwice,
  expectOneGeneration,
  expectServed,
  pausedCanary,
  quiet,
} from './__testUtils__/canary';

jest.setTimeout(240_000);

/** The Secret that a token ends with; it has to lie beside the account. */
const lifetimeOf = ({ account, namespace }: TestCluster) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  name: `lifetime-of-${namespace}`,
  namespace: account.namespace,
});

/** A token of the engine's service account that ends together with a Secret. */
async function mortalToken(world: TestCluster) {
  const { client, account } = world;
  const { apiVersion, kind, ...metadata } = lifetimeOf(world);
  const secret = await client.create(
    { apiVersion, kind, metadata },
    { fieldManager: 'slipway-test' },
    quiet,
  );
  const { name, uid } = secret.metadata;
  const { status } = await client.raw<{ status: { token: string } }>(
    {
      method: 'POST',
      path: `/api/v1/namespaces/${account.namespace}/serviceaccounts/${account.name}/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          expirationSeconds: 3_600,
          boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name, uid },
        },
      },
    },
    quiet,
  );
  return status.token;
}

describeOnCluster('A token that is good no longer', () => {
  let engine: EngineWorld;
  let directory: string;
  let tokenFile: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-token-'));
    tokenFile = join(directory, 'token');
    engine = await openEngineWorld({
      cluster: async world => {
        await writeFile(tokenFile, await mortalToken(world));
        return { authMetadata: { tokenFile } };
      },
    });
    await bringFirst(engine);
  });
  afterAll(async () => {
    await engine?.world.client.delete(lifetimeOf(engine.world), {}, quiet);
    await engine?.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('stops a canary where it is, says why, and hinders nobody when it is renewed', async () => {
    const { world } = engine;
    const id = await pausedCanary(engine, 'renewed');
    const load = engine.load();
    await world.client.delete(lifetimeOf(world), {}, quiet);
    // The API server believes a token for some seconds after its end.
    const blind = await engine.told(id, 'world-unknown');
    expect(blind.reason).toMatchObject({
      code: 'world-unknown',
      message: expect.stringMatching(/with 401 Unauthorized/),
      action: expect.stringContaining('check the connection'),
    });
    expect(await engine.command(id, 'promote')).toMatchObject({
      accepted: true,
    });
    const { deployment } = await engine.detail(id);
    expect(deployment.finishedAtMs).toBeUndefined();
    const target = `services/${engine.target.service.replace(
      ':',
      '/',
    )}/environments/${engine.target.environment}`;
    const checks = await engine.api('GET', `${target}/checks`);
    expect(JSON.stringify(checks)).toMatch(/401|Unauthorized|signed in/);

    await writeFile(tokenFile, await mortalToken(world));
    await engine.told(id, 'world-known');
    const end = await engine.ended(id);
    expect(end.deployment).toMatchObject({ outcome: 'succeeded' });
    expectNothingTwice(end);
    await expectServed(load, 'renewed', end);
    await expectOneGeneration(engine);
    await poll('the watches are well again', async () => {
      const after = await engine.api(
        'GET',
        target.replace(/\/environ.*/, '/overview'),
      );
      return !/401 Unauthorized/.test(JSON.stringify(after));
    });
  });
});
