import {
  InstanceState,
  isKnown,
  Observed,
} from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { NAMESPACE_RIGHTS, namespaceRights, WATCHED_RIGHTS } from '../access';
import { createPlanObjects } from '../apply';
import { createKubeClient } from '../client';
import { describeOnCluster, openTestCluster, TestCluster } from '../testing';
import { createClusterTraffic } from '../traffic';
import { createWorkloads } from '../workloads';
import { silentLogger } from '../workloads/__testUtils__/harness';
import { createClusterWatch } from './clusterWatch';
import { createLiveSource } from './liveSource';

jest.setTimeout(180_000);

const quiet = new AbortController().signal;
const by = { fieldManager: 'slipway-test' };

describeOnCluster('An account with the rights of one namespace only', () => {
  let world: TestCluster;
  let elsewhere: TestCluster;
  let limited: ReturnType<typeof createKubeClient>;
  const ended = new AbortController();
  beforeAll(async () => {
    world = await openTestCluster();
    elsewhere = await openTestCluster();
    limited = await roleOnly();
  });
  afterAll(async () => {
    ended.abort();
    await limited?.close();
    await elsewhere?.close();
    await world?.close();
  });

  /** A Role, and no ClusterRole. */
  async function roleOnly() {
    const { client, namespace, settings } = world;
    const name = 'namespace-only';
    const subject = { kind: 'ServiceAccount' as const, name, namespace };
    await client.apply(
      {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name, namespace },
      },
      by,
      quiet,
    );
    for (const object of namespaceRights(
      [...NAMESPACE_RIGHTS, ...WATCHED_RIGHTS],
      { name, subject, namespace },
    )) {
      await client.apply(object, by, quiet);
    }
    const { status } = await client.raw<{ status: { token: string } }>(
      {
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: { expirationSeconds: 3_600 },
        },
      },
      quiet,
    );
    const endpoint = {
      server: settings.url,
      tls: { ca: Buffer.from(settings.caData, 'base64') },
      headers: { Authorization: `Bearer ${status.token}` },
    };
    return createKubeClient({
      cluster: 'test',
      endpoint: { current: async () => endpoint, renew: () => undefined },
    });
  }

  it('sees what runs there by a watch for each namespace, and one that it may not see spoils only its own', async () => {
    const { namespace } = world;
    const pods = { apiVersion: 'v1', kind: 'Pod' };
    await poll('the rights are in force', async () => {
      await limited.list(pods, { namespace, limit: 1 }, quiet);
      return true;
    });
    await expect(limited.list(pods, { limit: 1 }, quiet)).rejects.toMatchObject(
      { status: 403 },
    );
    const target = world.newTarget();
    const other = elsewhere.newTarget();
    for (const [there, of] of [
      [world, target],
      [elsewhere, other],
    ] as const) {
      // As it was deployed by somebody who may.
      const plan = await there.plan(of, { version: 'one', route: false });
      const { cluster } = there;
      const objects = createPlanObjects({
        cluster,
        traffic: createClusterTraffic({ cluster, logger: silentLogger }),
      });
      const fence = { epoch: 1, revision: 1 };
      await objects.apply(of, fence, plan, 'before', quiet);
      await createWorkloads({ cluster }).ensure(
        of,
        fence,
        { generation: 'one', plan, track: 'stable', replicas: 1 },
        quiet,
      );
    }
    const cluster = {
      name: 'test',
      client: limited,
      namespaceOf: async (of: { service: string }) =>
        of.service === target.service ? namespace : elsewhere.namespace,
    };
    const watch = createClusterWatch({
      cluster,
      logger: silentLogger,
      namespaces: [namespace, elsewhere.namespace],
    });
    const told = new Map<string, Observed<InstanceState[]>>();
    createLiveSource({ cluster, watch, logger: silentLogger }).watch(
      (of, state) => told.set(of.service, state),
      ended.signal,
    );
    await poll('what runs there is told', async () => {
      const state = told.get(target.service);
      return (
        state !== undefined &&
        isKnown(state) &&
        state.known.length === 1 &&
        state.known[0].ready
      );
    });
    expect(watch.lost(namespace)).toBeUndefined();
    expect(watch.lost(elsewhere.namespace)?.reason).toMatch(
      new RegExp(`in ${elsewhere.namespace} on cluster test is lost`),
    );
    // Of the other nothing is invented.
    const unseen = told.get(other.service);
    expect(unseen === undefined || !isKnown(unseen)).toBe(true);
  });
});
