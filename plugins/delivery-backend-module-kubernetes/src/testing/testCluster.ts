import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import {
  Plan,
  RegistryAccess,
  createRegistryClient,
  isMapping,
  parseObject,
  plainRenderer,
} from '@slipway/backstage-plugin-delivery-node';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { Pool } from 'undici';
import {
  KubeApiError,
  KubeClient,
  KubeObject,
  createKubeClient,
} from '../client';
import { ClusterAccess } from '../clusterAccess';
import { readClusterSettings } from './describeOnCluster';
import { createTestIdentity, TestIdentity } from './identity';
import { createTestImages } from './images';
import { TestManifestOptions, testManifests } from './manifests';
import { TestServiceOptions } from './service';

const GATEWAY = { name: 'slipway', namespace: 'gateway' };
const quiet = new AbortController().signal;

export interface TestPlanOptions
  extends TestServiceOptions,
    Partial<Omit<TestManifestOptions, 'name' | 'route'>> {
  /** With an HTTPRoute. Default: whether there is a Gateway. */
  route?: boolean;
  /** These instead of what {@link testManifests} makes; the image is `app`. */
  manifests?: string;
}

/** An answer of the test service. */
export interface TestAnswer {
  status: number;
  version?: string;
  pod?: string;
  body: string;
}

/** A namespace on a real cluster, for one suite. */
export interface TestCluster {
  /** With the rights that the module asks for, and no more. */
  cluster: ClusterAccess;
  /** With all rights, to prepare, disturb and look. */
  client: KubeClient;
  namespace: string;
  /** What `cluster` signs in with, as a kubernetes configuration of Backstage has it. */
  settings: TestIdentity['settings'];
  /** Whose token that is. */
  account: TestIdentity['account'];
  registry: RegistryAccess;
  /** `undefined`: the cluster has no Gateway that the tests can use. */
  gatewayUrl?: string;
  gatewayMetricsUrl?: string;
  /** A target that nothing else uses. */
  newTarget(): TargetRef;
  /** What the objects of a target are called: Deployment, Service, route. */
  nameOf(target: TargetRef): string;
  /** The host name of its route. */
  hostnameOf(target: TargetRef): string;
  /** A Plan whose image is in the registry. */
  plan(target: TargetRef, options: TestPlanOptions): Promise<Plan>;
  /**
   * One request as the service's users send it: through the Gateway where the
   * target's last Plan had a route, else to its Service.
   */
  request(
    target: TargetRef,
    options?: { path?: string; headers?: Record<string, string> },
  ): Promise<TestAnswer>;
  /** The objects of a Plan as they are, without Slipway: `kubectl apply`. */
  applyPlain(plan: Plan): Promise<KubeObject[]>;
  /** Deletes the namespace and does not wait for its end. */
  close(): Promise<void>;
}

/**
 * A namespace of its own on the cluster of `KUBECONFIG`, with test images in
 * its registry.
 */
export async function openTestCluster(): Promise<TestCluster> {
  const settings = readClusterSettings();
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  const client = createKubeClient({ cluster: 'test', kubeConfig });
  const namespace = `slipway-test-${randomBytes(4).toString('hex')}`;
  const registry: RegistryAccess = {
    url: `http://${settings.registry}`,
    host: settings.registry,
  };
  const directory = await mkdtemp(join(tmpdir(), 'slipway-images-'));
  const images = await createTestImages({
    registry: createRegistryClient(registry),
    repository: `slipway-test/${namespace.slice(13)}`,
    directory,
  });
  await client.create(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { fieldManager: 'slipway-test' },
    quiet,
  );
  const identity = await createTestIdentity({
    admin: client,
    kubeConfig,
    namespace,
    signal: quiet,
  });
  const limited = createKubeClient({
    cluster: 'test',
    endpoint: identity.endpoint,
  });
  await poll('the rights are in force', async () => {
    const kinds = ['v1 Pod', 'apps/v1 Deployment'].map(text => text.split(' '));
    for (const [apiVersion, kind] of kinds) {
      await limited.list({ apiVersion, kind }, { limit: 1 }, quiet);
    }
    return true;
  });
  const gateway = settings.gateway ? new Pool(settings.gateway) : undefined;
  const routed = new Map<string, boolean>();

  const nameOf = (target: TargetRef) =>
    `${target.service.split('/').pop()}-${target.environment}`;
  const hostnameOf = (target: TargetRef) =>
    `${nameOf(target)}.${namespace}.example.com`;

  async function throughGateway(
    pool: Pool,
    target: TargetRef,
    path: string,
    headers: Record<string, string>,
  ) {
    const response = await pool.request({
      method: 'GET',
      path,
      headers: { ...headers, host: hostnameOf(target) },
    });
    return { status: response.statusCode, body: await response.body.text() };
  }

  /** By the API server's proxy, which reaches Services from anywhere. */
  async function throughService(target: TargetRef, path: string) {
    try {
      const body = await client.raw<unknown>(
        {
          method: 'GET',
          path: `/api/v1/namespaces/${namespace}/services/${nameOf(
            target,
          )}:80/proxy${path}`,
        },
        quiet,
      );
      return { status: 200, body: JSON.stringify(body) };
    } catch (error) {
      if (error instanceof KubeApiError) {
        return { status: error.status, body: JSON.stringify(error.body) };
      }
      throw error;
    }
  }

  return {
    cluster: {
      name: 'test',
      client: limited,
      namespaceOf: async () => namespace,
    },
    settings: identity.settings,
    account: identity.account,
    client,
    namespace,
    registry,
    gatewayUrl: settings.gateway,
    gatewayMetricsUrl: settings.gatewayMetrics,
    nameOf,
    hostnameOf,
    newTarget: () => ({
      service: `component:default/shop-${randomBytes(3).toString('hex')}`,
      environment: 'staging',
    }),
    async plan(target, options) {
      const { route = gateway !== undefined } = options;
      const reference = await images.push(options);
      const text =
        options.manifests ??
        testManifests({
          ...options,
          name: nameOf(target),
          ...(route
            ? { route: { hostname: hostnameOf(target), gateway: GATEWAY } }
            : { route: undefined }),
        });
      const objects = await plainRenderer.render({
        target,
        releaseId: `release-${options.version}`,
        bundle: new Map([['deploy.yaml', Buffer.from(text)]]),
        path: 'deploy.yaml',
        images: { app: reference },
        signal: quiet,
      });
      routed.set(nameOf(target), /"?kind"?: "?HTTPRoute/.test(text));
      return {
        id: createHash('sha256')
          .update(JSON.stringify([target, reference, text]))
          .digest('hex'),
        target,
        releaseId: `release-${options.version}`,
        objects,
        images: { app: reference },
        replicas: options.replicas ?? 1,
        ignored: [],
      };
    },
    async request(target, { path = '/', headers = {} } = {}) {
      const answer =
        gateway && routed.get(nameOf(target))
          ? await throughGateway(gateway, target, path, headers)
          : await throughService(target, path);
      const content: unknown = /^\{/.test(answer.body)
        ? JSON.parse(answer.body)
        : {};
      return { ...answer, ...readAnswer(content) };
    },
    async applyPlain(plan) {
      const applied: KubeObject[] = [];
      for (const object of plan.objects) {
        applied.push(
          await client.apply(
            inNamespace(parseObject(object), namespace),
            { fieldManager: 'kubectl' },
            quiet,
          ),
        );
      }
      return applied;
    },
    async close() {
      await client.delete(
        { apiVersion: 'v1', kind: 'Namespace', name: namespace },
        { propagation: 'Background' },
        quiet,
      );
      await identity.remove();
      await gateway?.destroy();
      await limited.close();
      await client.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function inNamespace(content: unknown, namespace: string): KubeObject {
  if (!isMapping(content) || !isMapping(content.metadata)) {
    throw new Error('The Plan of a test holds what is no object');
  }
  const { apiVersion, kind, metadata } = content;
  return {
    ...content,
    apiVersion: String(apiVersion),
    kind: String(kind),
    metadata: { ...metadata, name: String(metadata.name), namespace },
  };
}

function readAnswer(content: unknown): { version?: string; pod?: string } {
  const text = (name: string): string | undefined => {
    const value = isMapping(content) ? content[name] : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  return { version: text('version'), pod: text('pod') };
}
