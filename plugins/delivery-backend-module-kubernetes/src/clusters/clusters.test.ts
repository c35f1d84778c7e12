import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mockServices } from '@backstage/backend-test-utils';
import { Entity } from '@backstage/catalog-model';
import { ConfigReader } from '@backstage/config';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
import { JsonObject } from '@backstage/types';
import { createKubeClient } from '../client';
import { json, startFakeApi } from '../client/__testUtils__/fakeApi';
import { createClusters } from '.';
import { createEndpoint } from './endpoint';
import { publicLookup } from './serverUrl';

jest.setTimeout(60_000);

const { signal } = new AbortController();

function clustersOf(
  config: JsonObject,
  options: { entities?: Entity[]; env?: NodeJS.ProcessEnv } = {},
) {
  return createClusters({
    config: new ConfigReader(config),
    catalog: catalogServiceMock({ entities: options.entities ?? [] }),
    auth: mockServices.auth(),
    logger: mockServices.logger.mock(),
    env: options.env ?? {},
  });
}

const methods = (...clusterLocatorMethods: JsonObject[]) => ({
  kubernetes: { clusterLocatorMethods },
});

function entity(
  annotations: Record<string, string>,
  namespace = 'default',
): Entity {
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind: 'Resource',
    metadata: {
      name: 'eu',
      namespace,
      annotations: {
        'kubernetes.io/api-server': 'https://abc.eks.amazonaws.com',
        'kubernetes.io/api-server-certificate-authority': 'Y2E=',
        'kubernetes.io/auth-provider': 'aws',
        ...annotations,
      },
    },
    spec: { type: 'kubernetes-cluster', owner: 'platform' },
  };
}

describe('The clusters of the kubernetes configuration', () => {
  let folder: string;
  let api: Awaited<ReturnType<typeof startFakeApi>>;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-clusters-'));
    api = await startFakeApi();
    api.answer(json(200, { gitVersion: 'v1.37.2' }));
  });
  afterEach(async () => {
    await api.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function signInAt(
    clusters: ReturnType<typeof createClusters>,
    name: string,
  ) {
    const { endpoint } = await clusters.find(name);
    const client = createKubeClient({ cluster: name, endpoint });
    const ask = async () => {
      await client.raw({ method: 'GET', path: '/version' }, signal);
      return api.requests.at(-1)?.auth;
    };
    return { ask, close: () => client.close() };
  }

  it('are signed in to with a token, and with the new one when it was replaced', async () => {
    const config = methods({
      type: 'config',
      clusters: [
        {
          name: 'eu',
          url: api.url,
          authProvider: 'serviceAccount',
          serviceAccountToken: 'one',
        },
      ],
    });
    const reader = new ConfigReader(config);
    const clusters = createClusters({
      config: reader,
      catalog: catalogServiceMock(),
      auth: mockServices.auth(),
      logger: mockServices.logger.mock(),
    });
    const { ask, close } = await signInAt(clusters, 'eu');
    expect(await ask()).toBe('Bearer one');
    // As a configuration that includes a file is reloaded.
    const [cluster] = config.kubernetes.clusterLocatorMethods[0]
      .clusters as JsonObject[];
    cluster.serviceAccountToken = 'two';
    expect(await ask()).toBe('Bearer two');
    await close();
  });

  it('are signed in to with a file that somebody else keeps fresh', async () => {
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'one\n');
    const { ask, close } = await signInAt(
      clustersOf(
        methods({
          type: 'config',
          clusters: [
            {
              name: 'eu',
              url: api.url,
              authProvider: 'serviceAccount',
              authMetadata: { tokenFile },
            },
          ],
        }),
      ),
      'eu',
    );
    expect(await ask()).toBe('Bearer one');
    await rm(tokenFile);
    await expect(ask()).rejects.toThrow(/token file .* is not there/);
    await writeFile(tokenFile, 'another');
    expect(await ask()).toBe('Bearer another');
    await close();
  });

  it('are found in a kubeconfig, which runs its exec plugin and is read again when it changes', async () => {
    const file = join(folder, 'config');
    const kubeconfig = (token: string) =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'eu',
        clusters: [
          {
            name: 'c',
            cluster: { server: api.url, 'insecure-skip-tls-verify': true },
          },
        ],
        contexts: [{ name: 'eu', context: { cluster: 'c', user: 'u' } }],
        users: [
          {
            name: 'u',
            user: {
              exec: {
                apiVersion: 'client.authentication.k8s.io/v1',
                command: process.execPath,
                args: [
                  '-e',
                  `console.log(JSON.stringify({ kind: 'ExecCredential', status: { token: '${token}' } }))`,
                ],
                interactiveMode: 'Never',
              },
            },
          },
        ],
      });
    await writeFile(file, kubeconfig('one'));
    const clusters = clustersOf(
      { delivery: { kubernetes: { kubeconfig: { enabled: true } } } },
      { env: { KUBECONFIG: file } },
    );
    for (const name of ['eu', 'default']) {
      const { ask, close } = await signInAt(clusters, name);
      expect(await ask()).toBe('Bearer one');
      await close();
    }
    await writeFile(file, kubeconfig('two two'.replace(' ', '-')));
    const { ask, close } = await signInAt(clusters, 'eu');
    expect(await ask()).toBe('Bearer two-two');
    await close();
    await expect(clusters.find('us')).rejects.toMatchObject({
      name: 'NotFoundError',
      message: expect.stringMatching(
        /no cluster "us" in kubernetes.clusterLocatorMethods \(none there\), the kubeconfig/,
      ),
    });
  });

  it('are off in a pod unless they are named, and say when there is no pod', async () => {
    const config = {
      delivery: { kubernetes: { inCluster: { name: 'here' } } },
    };
    await expect(clustersOf(config).find('here')).rejects.toThrow(
      /the backend does not run in a pod/,
    );
    const env = {
      KUBERNETES_SERVICE_HOST: 'fd00::1',
      KUBERNETES_SERVICE_PORT: '443',
    };
    expect(await clustersOf(config, { env }).find('here')).toMatchObject({
      source: 'in-cluster',
    });
    await expect(clustersOf({}, { env }).find('here')).rejects.toMatchObject({
      name: 'NotFoundError',
    });
  });

  it('hinder nobody when one of them cannot be used, and say what to do', async () => {
    const clusters = clustersOf(
      methods(
        { type: 'gke', projectId: 'p' },
        {
          type: 'config',
          clusters: [
            { name: 'person', url: api.url, authProvider: 'oidc' },
            { name: 'none', url: api.url },
            { name: 'odd', url: 'ftp://x', authProvider: 'azure' },
            { name: 'leaky', url: 'https://a:b@x', authProvider: 'azure' },
            { name: 'fine', url: api.url, authProvider: 'azure' },
          ],
        },
      ),
    );
    expect(await clusters.find('fine')).toMatchObject({ source: 'config' });
    for (const [name, message] of [
      ['person', /"oidc" signs in as the person who looks/],
      ['none', /clusters\[1\]: expected the authProvider .* found none/],
      ['odd', /clusters\[2\].url: expected https:\/\/ or http:\/\//],
      ['leaky', /clusters\[3\].url: the address holds credentials/],
      ['other', /the type "gke" is not followed/],
    ] as const) {
      await expect(clusters.find(name)).rejects.toThrow(message);
    }
  });
});

describe('A cluster of the catalog', () => {
  const find = (annotations: Record<string, string>, method: JsonObject = {}) =>
    clustersOf(methods({ type: 'catalog', ...method }), {
      entities: [entity(annotations)],
    }).find('eu');

  it('is used where its address belongs to whom our credentials are for', async () => {
    expect(await find({})).toMatchObject({ source: 'catalog' });
    await expect(
      clustersOf({}, { entities: [entity({})] }).find('eu'),
    ).rejects.toMatchObject({ name: 'NotFoundError' });
  });

  it.each([
    [
      'plain HTTP',
      { 'kubernetes.io/api-server': 'http://abc.eks.amazonaws.com' },
    ],
    [
      'an address of our network',
      { 'kubernetes.io/api-server': 'https://10.0.0.7' },
    ],
    ['this machine', { 'kubernetes.io/api-server': 'https://[::1]:6443' }],
    [
      'the metadata service',
      { 'kubernetes.io/api-server': 'https://169.254.169.254' },
    ],
    [
      'IPv4 in IPv6',
      { 'kubernetes.io/api-server': 'https://[::ffff:10.0.0.7]' },
    ],
    [
      'a host of anybody',
      { 'kubernetes.io/api-server': 'https://collect.example.com' },
    ],
    [
      'a host that only looks like it',
      { 'kubernetes.io/api-server': 'https://eks.amazonaws.com.example.com' },
    ],
    ['no verification', { 'kubernetes.io/skip-tls-verify': 'true' }],
    [
      'the token of our own pod',
      { 'kubernetes.io/auth-provider': 'serviceAccount' },
    ],
  ])('is refused for %s', async (_, annotations) => {
    await expect(find(annotations)).rejects.toMatchObject({
      name: 'NotAllowedError',
    });
  });

  it('is used at another address when the platform allows it', async () => {
    expect(
      await find(
        {
          'kubernetes.io/api-server': 'https://10.0.0.7',
          'kubernetes.io/skip-tls-verify': 'true',
        },
        {
          dangerouslyAllowClusterUrls: ['10.0.0.7'],
          dangerouslyAllowSkipTLSVerify: true,
        },
      ),
    ).toMatchObject({ source: 'catalog' });
  });

  it('is none when two entities claim its name', async () => {
    await expect(
      clustersOf(methods({ type: 'catalog' }), {
        entities: [entity({}), entity({}, 'attackers')],
      }).find('eu'),
    ).rejects.toThrow(
      /Several clusters .* "eu": resource:default\/eu, resource:attackers\/eu/,
    );
  });

  it('never takes the place of one that the platform has configured', async () => {
    const clusters = clustersOf(
      methods(
        { type: 'catalog' },
        {
          type: 'config',
          clusters: [
            { name: 'eu', url: 'https://real', authProvider: 'azure' },
          ],
        },
      ),
      { entities: [entity({})] },
    );
    expect(await clusters.find('eu')).toMatchObject({ source: 'config' });
  });

  it('cannot lead to an address that is not public by its name, whatever it was before', async () => {
    const { tls } = await createEndpoint(
      {
        name: 'eu',
        source: 'catalog',
        url: 'https://eu.example.com',
        auth: { provider: 'none' },
        publicOnly: true,
      },
      new ConfigReader({}),
    ).current();
    expect(tls.lookup).toBe(publicLookup);
    const refusal = await new Promise<unknown>(resolve => {
      publicLookup('localhost', {}, error => resolve(error));
    });
    expect(refusal).toMatchObject({ name: 'NotAllowedError' });
  });
});
