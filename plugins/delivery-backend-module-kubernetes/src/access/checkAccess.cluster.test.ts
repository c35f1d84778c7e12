import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { parseAllDocuments } from 'yaml';
import { createKubeClient } from '../client';
import { describeOnCluster, openTestCluster, TestCluster } from '../testing';
import { checkAccess } from '.';

jest.setTimeout(180_000);

describeOnCluster('The check of a cluster', () => {
  const { signal } = new AbortController();
  let world: TestCluster;
  beforeAll(async () => {
    world = await openTestCluster();
  });
  afterAll(async () => {
    await world?.close();
  });

  const check = (namespaces: string[]) =>
    checkAccess({ client: world.cluster.client, namespaces }, signal);

  it('finds nothing missing with the rights of the manifests', async () => {
    const checks = await check([world.namespace]);
    expect(checks.filter(({ status }) => status === 'missing')).toEqual([]);
    expect(checks.find(({ id }) => id === 'rights')).toMatchObject({
      status: 'ok',
      message: `${world.account.name} has all that is needed`,
    });
    expect(
      checks.find(({ id }) => id === `rights:${world.namespace}`),
    ).toMatchObject({ status: 'ok' });
  });

  it('says what is missing elsewhere, and its fix gives exactly that', async () => {
    const [first] = (await check(['default'])).filter(
      ({ status }) => status === 'missing',
    );
    expect(first).toMatchObject({
      id: 'rights:default',
      message: expect.stringContaining(
        `${world.account.name} may not create, patch, delete deployments.apps, which is needed to bring up, scale and remove generations`,
      ),
    });
    // What a person would paste, but into our own namespace.
    const yaml = /<<'EOF'\n(.*)EOF$/s.exec(first.fix ?? '')?.[1] ?? '';
    const roleBefore = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      name: 'slipway-deliver',
      namespace: world.namespace,
    };
    await world.client.delete(roleBefore, {}, signal);
    const here = await poll('the rights are taken away', async () => {
      const checks = await check([world.namespace]);
      return checks.find(
        ({ id, status }) =>
          id === `rights:${world.namespace}` && status === 'missing',
      );
    });
    expect(here.message.split('\n')).toHaveLength(
      first.message.split('\n').length,
    );
    for (const document of parseAllDocuments(
      yaml.replaceAll('namespace: default', `namespace: ${world.namespace}`),
    )) {
      await world.client.apply(
        document.toJS(),
        { fieldManager: 'a-person' },
        signal,
      );
    }
    await poll('nothing is missing any more', async () => {
      const checks = await check([world.namespace]);
      return checks.every(({ status }) => status === 'ok');
    });
    expect(here.fix).toContain('kubectl apply -f -');
  });

  it('says that a namespace is not there, and that a cluster does not answer', async () => {
    const admin = await checkAccess(
      { client: world.client, namespaces: ['slipway-nowhere'] },
      signal,
    );
    expect(admin).toContainEqual({
      id: 'namespace:slipway-nowhere',
      title: 'Namespace slipway-nowhere is there',
      status: 'missing',
      message: 'It does not exist',
      fix: 'kubectl create namespace slipway-nowhere',
    });
    const dead = createKubeClient({
      cluster: 'dead',
      endpoint: {
        current: async () => ({
          server: 'http://127.0.0.1:1',
          tls: {},
          headers: {},
        }),
        renew: () => undefined,
      },
    });
    expect(
      await checkAccess({ client: dead, namespaces: ['a'] }, signal),
    ).toMatchObject([{ id: 'reachable', status: 'missing' }]);
    await dead.close();
  });

  it('is of one mind with kubectl about the manifests', async () => {
    const { stdout } = await promisify(execFile)('kubectl', [
      'apply',
      '--dry-run=server',
      '--namespace',
      world.namespace,
      '-f',
      `${__dirname}/../../manifests/deliver-namespace.yaml`,
      '-f',
      `${__dirname}/../../manifests/watch-namespace.yaml`,
      '-f',
      `${__dirname}/../../manifests/watch-cluster.yaml`,
    ]);
    expect(stdout).toContain('role.rbac.authorization.k8s.io/slipway-deliver');
  });
});
