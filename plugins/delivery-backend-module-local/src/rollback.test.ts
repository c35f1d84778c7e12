import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  coreServices,
  createServiceFactory,
} from '@backstage/backend-plugin-api';
import { mockServices, startTestBackend } from '@backstage/backend-test-utils';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
// The whole plugin, to prove what people are told.
// eslint-disable-next-line @backstage/no-mixed-plugin-imports
import deliveryPlugin from '@slipway/backstage-plugin-delivery-backend';
import {
  DeploymentDetail,
  Release,
} from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import {
  manifestText,
  serviceSource,
} from './connection/__testUtils__/services';
import localModule from '.';
import { ensureLocald } from './locald';
import { makeRepository } from './testing';

jest.setTimeout(300_000);

const SHOP = 'component:default/shop';

const DEFINITION = `
apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivery
images:
  - { name: app, repository: storefront/shop, build: { context: . } }
defaults: { manifests: { plain: deploy.yaml }, progressDeadline: 1m }
environments:
  - { ref: staging, deploy: manual, strategy: { rolling: {} } }
`;

const MANIFEST = manifestText({
  env: '{ name: API_KEY, valueFrom: { secretKeyRef: { name: till, key: api } } }',
});

function commit(version: string) {
  return {
    message: version,
    files: {
      'delivery.yaml': DEFINITION,
      'deploy.yaml': MANIFEST,
      'server.js': serviceSource({ version }),
      'package.json': JSON.stringify({
        name: 'shop',
        version: '1.0.0',
        main: 'server.js',
        scripts: { start: 'node server.js' },
      }),
    },
  };
}

const COMPONENT = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: {
    name: 'shop',
    namespace: 'default',
    annotations: { 'slipway.dev/definition': 'delivery.yaml' },
  },
  spec: {
    type: 'service',
    lifecycle: 'production',
    owner: 'group:default/shop',
  },
  relations: [{ type: 'ownedBy', targetRef: 'group:default/shop' }],
};

describe('a rollback to what ran with another secret', () => {
  let root: string;
  let dataDirectory: string;
  let backend: Awaited<ReturnType<typeof startTestBackend>>;
  let commits: string[];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'slipway-rollback-'));
    dataDirectory = join(root, 'data');
    const repository = join(dataDirectory, 'repositories', 'shop');
    await mkdir(join(dataDirectory, 'advisories'), { recursive: true });
    commits = await makeRepository(repository, [commit('one'), commit('two')]);
    const scheduler = mockServices.scheduler();
    backend = await startTestBackend({
      features: [
        deliveryPlugin,
        localModule,
        createServiceFactory({
          service: coreServices.scheduler,
          deps: {},
          factory: () => scheduler,
        }),
        catalogServiceMock.factory({
          entities: [
            {
              ...COMPONENT,
              metadata: {
                ...COMPONENT.metadata,
                annotations: {
                  ...COMPONENT.metadata.annotations,
                  'slipway.dev/repository': repository,
                },
              },
            },
          ],
        }),
        mockServices.rootConfig.factory({
          data: {
            backend: { baseUrl: 'http://localhost:7007' },
            delivery: {
              workDirectory: join(root, 'work'),
              api: { validateResponses: true },
              permissions: { allowDisabled: true },
              environments: [
                {
                  name: 'staging',
                  tier: 'staging',
                  connection: { type: 'local', name: 'default' },
                },
              ],
              local: { enabled: true, dataDirectory },
            },
          },
        }),
      ],
    });
    await scheduler.triggerTask('delivery-service-sync');
  });

  afterEach(async () => {
    const logger = mockServices.logger.mock();
    const { url, token } = await ensureLocald({ dataDirectory, logger });
    await backend?.stop();
    await fetch(`${url}/v1/shutdown`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
    await poll('slipway-locald has ended', async () => {
      const response = await fetch(`${url}/v1/health`).catch(() => undefined);
      return response === undefined;
    });
    await rm(root, { recursive: true, force: true, maxRetries: 10 });
  });

  async function api<T>(path: string, body?: object): Promise<T> {
    const response = await fetch(
      `http://127.0.0.1:${backend.server.port()}/api/delivery/v1/${path}`,
      {
        method: body ? 'POST' : 'GET',
        headers: { 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      },
    );
    const answer = await response.json();
    if (!response.ok) {
      throw new Error(`${path}: ${JSON.stringify(answer)}`);
    }
    return answer;
  }

  async function release(sha: string): Promise<string> {
    const { id } = await api<{ id: string }>(
      'services/component/default/shop/releases',
      { commit: sha },
    );
    const made = await poll('the release has ended', async () => {
      const { release: it } = await api<{ release: Release }>(`releases/${id}`);
      return (
        ['ready', 'failed', 'errored', 'blocked'].includes(it.status) && it
      );
    });
    expect([made.status, made.reason]).toEqual(['ready', undefined]);
    return id;
  }

  async function deploy(
    releaseId: string,
    kind: 'deploy' | 'rollback' = 'deploy',
  ): Promise<DeploymentDetail> {
    const { id } = await api<{ id: string }>('deployments', {
      service: SHOP,
      environment: 'staging',
      releaseId,
      kind,
      reason: 'test',
    });
    const detail = await poll('the deployment has ended', async () => {
      const it = await api<DeploymentDetail>(`deployments/${id}`);
      return it.deployment.finishedAtMs !== undefined && it;
    });
    expect(detail.deployment).toMatchObject({ kind, outcome: 'succeeded' });
    return detail;
  }

  async function putSecret(value: string): Promise<void> {
    const secrets = join(dataDirectory, 'secrets');
    await mkdir(secrets, { recursive: true });
    await writeFile(
      join(secrets, 'staging.json'),
      JSON.stringify({ till: { api: value } }),
      { mode: 0o600 },
    );
  }

  it('lists the secret with the version it had, which the service does not get again', async () => {
    await putSecret('hush');
    const first = await deploy(await release(commits[0]));
    const firstId = first.deployment.releaseId;
    await putSecret('louder');
    const second = await deploy(await release(commits[1]));
    const versionIn = ({ notRestorable }: DeploymentDetail) => {
      expect(notRestorable).toHaveLength(1);
      const [, version] =
        /^Secret "till" \(key api\), which had version ([0-9a-f]{16}) then: what it holds when/.exec(
          notRestorable[0],
        ) ?? [];
      expect(version).toBeDefined();
      return version;
    };
    // The dialog of a rollback shows what the release's last success says.
    const asked = await api<DeploymentDetail>(
      `deployments/${first.deployment.id}`,
    );
    expect(versionIn(asked)).not.toBe(versionIn(second));
    const back = await deploy(firstId, 'rollback');
    expect(versionIn(back)).toBe(versionIn(second));
    const {
      targets: [target],
    } = await api<{ targets: Array<{ traffic: any }> }>(
      'services/component/default/shop/overview',
    );
    const served = await (await fetch(target.traffic.known.address)).json();
    expect(served).toMatchObject({
      version: 'one',
      env: { API_KEY: 'louder' },
    });
    // The same release again, after another change.
    await putSecret('hush');
    const again = await deploy(second.deployment.releaseId);
    expect(versionIn(again)).toBe(versionIn(first));
    expect(JSON.stringify([first, second, asked, back, again])).not.toMatch(
      /hush|louder/,
    );
  });
});
