import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Deployment,
  DeploymentDetail,
  Release,
  ServiceOverview,
  TargetRef,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import {
  ClusterDescription,
  EngineBackend,
  startEngineBackend,
} from './engineBackend';
import { FaultProxy, FaultRule, openFaultProxy } from '../faultProxy';
import { Load, startLoad } from '../load';
import { TestManifestOptions, testManifests } from '../manifests';
import { TestRepository } from '../releaseModule';
import { TestServiceOptions } from '../service';
import { openTestCluster, TestCluster } from '../testCluster';

const ENVIRONMENT = 'production';
const PATIENCE_MS = 120_000;
const GATEWAY = { name: 'slipway', namespace: 'gateway' };

export interface EngineWorldOptions {
  /** Of the canary, as a flow of YAML. Default: 25 %, a person, everything. */
  steps?: string;
  /** Instead of a canary with these steps, as a flow of YAML. */
  strategy?: string;
  /** Default `45s`. */
  progressDeadline?: string;
  queue?: 'queue' | 'supersede' | 'reject';
  drift?: 'tell' | 'repair';
  /** Of every release, by what its objects are called. */
  manifests?: (name: string) => Partial<TestManifestOptions>;
  /** What differs in the description of the cluster, whose address is the proxy's. */
  cluster?: (world: TestCluster) => Promise<Partial<ClusterDescription>>;
}

/** The whole plugin, driving one service on a real cluster through a proxy. */
export interface EngineWorld extends Pick<EngineBackend, 'api'> {
  world: TestCluster;
  target: TargetRef;
  /** Between the plugin that runs now and the API server. */
  proxy(): FaultProxy;
  /** A commit, and its release when that is ready. */
  release(
    service: TestServiceOptions,
    differs?: Pick<EngineWorldOptions, 'progressDeadline'>,
  ): Promise<Release>;
  deploy(releaseId: string): Promise<string>;
  detail(id: string): Promise<DeploymentDetail>;
  /** Waits; a deployment that ends otherwise is what comes back, too. */
  until(
    id: string,
    what: string,
    is: (deployment: Deployment) => boolean,
  ): Promise<DeploymentDetail>;
  ended(id: string): Promise<DeploymentDetail>;
  /** Waits until something of this type stands on the deployment's timeline. */
  told(id: string, type: string): Promise<DeploymentDetail['events'][number]>;
  /** The target as the API shows it. */
  view(): Promise<TargetView>;
  /** A verb of a person; its answer when the engine has given it. */
  command(id: string, verb: string): Promise<{ accepted: boolean }>;
  /** A verb of a person on the target. */
  commandTarget(verb: string, reason?: string): Promise<{ accepted: boolean }>;
  /** Requests as users send them, until it is stopped. */
  load(everyMs?: number): Load;
  /** The process dies at once. */
  kill(): Promise<void>;
  /** Another process, which goes on with what the database holds. */
  startAgain(rule?: FaultRule): Promise<void>;
  close(): Promise<void>;
}

function definition(name: string, options: EngineWorldOptions): string {
  const {
    steps = '[{ weight: 25% }, { pause: {} }, { weight: 100% }]',
    progressDeadline = '45s',
    strategy = `{ canary: { steps: ${steps}, scaleDownDelay: 0s } }`,
  } = options;
  return `
apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivery
images:
  - { name: app, repository: slipway-test/${name}, build: { context: . } }
defaults: { manifests: { plain: deploy.yaml }, progressDeadline: ${progressDeadline} }
environments:
  - ref: ${ENVIRONMENT}
    deploy: manual
    strategy: ${strategy}
`;
}

/** How far a deployment has come, for whoever reads why a test failed. */
function describeDeployment(detail: DeploymentDetail | undefined): string {
  if (!detail) {
    return 'Nothing is known of it';
  }
  const { status, reason } = detail.deployment;
  return [
    `It is ${status}${reason ? `: ${reason.message}` : ''}`,
    ...detail.events.map(({ atMs, type, message }) =>
      [new Date(atMs).toISOString(), type, message].join(' '),
    ),
  ].join('\n');
}

export async function openEngineWorld(
  options: EngineWorldOptions = {},
): Promise<EngineWorld> {
  const world = await openTestCluster();
  const directory = await mkdtemp(join(tmpdir(), 'slipway-engine-'));
  const target = { ...world.newTarget(), environment: ENVIRONMENT };
  const repository = new TestRepository();
  const { url, caData, serviceAccountToken } = world.settings;
  const special = (await options.cluster?.(world)) ?? { serviceAccountToken };
  let proxy: FaultProxy;
  let backend: EngineBackend;

  async function startAgain(rule?: FaultRule) {
    proxy = await openFaultProxy({ url, caData });
    proxy.setRule(rule);
    backend = await startEngineBackend({
      target,
      namespace: world.namespace,
      cluster: { ...special, url: proxy.url },
      repository,
      registry: world.registry,
      gatewayMetricsUrl: world.gatewayMetricsUrl,
      directory,
      queue: options.queue,
      drift: options.drift,
    });
  }

  async function kill() {
    proxy.cut();
    await backend.kill();
    await proxy.close();
  }

  const api: EngineBackend['api'] = (method, path, body) =>
    backend.api(method, path, body);
  const detail = (id: string) =>
    api<DeploymentDetail>('GET', `deployments/${id}`);

  async function view(): Promise<TargetView> {
    const path = `services/${target.service.replace(':', '/')}/overview`;
    const { targets } = await api<ServiceOverview>('GET', path);
    return targets[0];
  }

  const until: EngineWorld['until'] = async (id, what, is) => {
    let last: DeploymentDetail | undefined;
    try {
      return await poll(
        what,
        async () => {
          last = await detail(id);
          const { finishedAtMs } = last.deployment;
          return (is(last.deployment) || finishedAtMs !== undefined) && last;
        },
        PATIENCE_MS,
      );
    } catch (error) {
      throw new Error(`${error}. ${describeDeployment(last)}`, {
        cause: error,
      });
    }
  };

  await startAgain();
  // Tells the harness that this target is asked through its route.
  await world.plan(target, { version: 'unused' });
  return {
    world,
    target,
    proxy: () => proxy,
    api,
    async release(service, differs) {
      const name = world.nameOf(target);
      repository.commit(service, {
        'delivery.yaml': definition(name, { ...options, ...differs }),
        'deploy.yaml': testManifests({
          name,
          replicas: 2,
          config: { GREETING: `hello from ${service.version}` },
          ...(world.gatewayUrl && {
            route: { hostname: world.hostnameOf(target), gateway: GATEWAY },
          }),
          ...options.manifests?.(name),
        }),
      });
      const path = `services/${target.service.replace(':', '/')}/releases`;
      const { id } = await api<{ id: string }>('POST', path, {
        commit: 'main',
      });
      return await poll(
        `release ${service.version} is ready`,
        async () => {
          const answer = await api<{ release: Release }>(
            'GET',
            `releases/${id}`,
          );
          return answer.release.finishedAtMs !== undefined && answer.release;
        },
        PATIENCE_MS,
      );
    },
    async deploy(releaseId) {
      const { id } = await api<{ id: string }>('POST', 'deployments', {
        ...target,
        releaseId,
      });
      return id;
    },
    detail,
    until,
    ended: id =>
      until(id, 'the deployment ends', ({ finishedAtMs }) => !!finishedAtMs),
    async told(id, type) {
      let last: DeploymentDetail | undefined;
      try {
        return await poll(
          `"${type}" is told`,
          async () => {
            last = await detail(id);
            return last.events.find(event => event.type === type);
          },
          PATIENCE_MS,
        );
      } catch (error) {
        const { drift } = await view();
        const seen = `${describeDeployment(last)}\n${JSON.stringify(drift)}`;
        throw new Error(`${error}. ${seen}`, {
          cause: error,
        });
      }
    },
    view,
    command: (id, verb) =>
      api('POST', `deployments/${id}/commands`, { verb, reason: 'a test' }),
    commandTarget: (verb, reason = 'a test') =>
      api(
        'POST',
        `services/${target.service.replace(':', '/')}/environments/${
          target.environment
        }/commands`,
        { verb, reason },
      ),
    load: (everyMs = 20) =>
      startLoad(world.gatewayUrl ?? '', {
        hostname: world.hostnameOf(target),
        everyMs,
      }),
    kill,
    startAgain,
    async close() {
      await backend.stop();
      await proxy.close();
      await world.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
