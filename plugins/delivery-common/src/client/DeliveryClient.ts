import {
  ChangeEvent,
  CommitView,
  DeliveryApi,
  DeploymentDetail,
  EnvironmentView,
  LogChunk,
  MeasurementsView,
  Page,
  PageRequest,
  ReleaseDetail,
  ServiceOverview,
  ServiceSummary,
  TargetView,
  VerbRequest,
} from '../api';
import {
  PlanDiff,
  CommandAnswer,
  ConnectionCheck,
  Deployment,
  DeploymentVerb,
  Finding,
  Release,
  ReleaseVerb,
  ServiceRef,
  TargetVerb,
} from '../model';
import { EventStreamOptions, followEvents } from './eventStream';
import {
  DeliveryClientDiscovery,
  DeliveryClientFetch,
  DeliveryRequests,
} from './request';

/** @public */
export interface DeliveryClientOptions {
  discoveryApi: DeliveryClientDiscovery;
  fetchApi: DeliveryClientFetch;
}

/**
 * The API over HTTP, for browsers and Node alike. Errors of the backend are
 * `ResponseError`s: `error.cause.name` is the backend's error name and
 * `error.statusCode` the HTTP status.
 *
 * @public
 */
export class DeliveryClient implements DeliveryApi {
  readonly #requests: DeliveryRequests;

  constructor(options: DeliveryClientOptions) {
    this.#requests = new DeliveryRequests(options);
  }

  async getServices(
    request: PageRequest & { owner?: string; system?: string } = {},
  ): Promise<Page<ServiceSummary>> {
    const { cursor, limit, owner, system } = request;
    return this.#requests.get('/v1/services', { cursor, limit, owner, system });
  }

  async getOverview(service: ServiceRef): Promise<ServiceOverview> {
    return this.#requests.get(`${servicePath(service)}/overview`);
  }

  async getCommits(
    service: ServiceRef,
    request: { ref?: string; limit?: number } = {},
  ): Promise<CommitView[]> {
    const { ref, limit } = request;
    const { items } = await this.#requests.get<{ items: CommitView[] }>(
      `${servicePath(service)}/commits`,
      { ref, limit },
    );
    return items;
  }

  async getEnvironments(): Promise<EnvironmentView[]> {
    const { items } = await this.#requests.get<{ items: EnvironmentView[] }>(
      '/v1/environments',
    );
    return items;
  }

  async getEnvironmentChecks(environment: string): Promise<ConnectionCheck[]> {
    const { items } = await this.#requests.get<{ items: ConnectionCheck[] }>(
      `/v1/environments/${encodeURIComponent(environment)}/checks`,
    );
    return items;
  }

  async getTargets(
    request: PageRequest & {
      environment?: string;
      owner?: string;
      system?: string;
      service?: ServiceRef;
      attention?: boolean;
    } = {},
  ): Promise<Page<TargetView>> {
    const { cursor, limit, environment, owner, system, service } = request;
    return this.#requests.get('/v1/targets', {
      cursor,
      limit,
      environment,
      owner,
      system,
      service,
      attention: request.attention ? 'true' : undefined,
    });
  }

  async createRelease(
    service: ServiceRef,
    request: { commit: string; idempotencyKey?: string; reason?: string },
  ): Promise<Release> {
    return this.#requests.post(`${servicePath(service)}/releases`, request);
  }

  async getReleases(
    request: PageRequest & { service?: ServiceRef } = {},
  ): Promise<Page<Release>> {
    const { cursor, limit, service } = request;
    return this.#requests.get('/v1/releases', { cursor, limit, service });
  }

  async getRelease(id: string): Promise<ReleaseDetail> {
    return this.#requests.get(`/v1/releases/${encodeURIComponent(id)}`);
  }

  async getReleaseLogs(
    id: string,
    request: { stage: string; after?: string; waitMs?: number },
  ): Promise<LogChunk> {
    const { stage, after, waitMs } = request;
    return this.#requests.get(`/v1/releases/${encodeURIComponent(id)}/logs`, {
      stage,
      after,
      waitMs,
    });
  }

  async getFindings(
    releaseId: string,
  ): Promise<{ findings: Finding[]; notCovered: string[] }> {
    return this.#requests.get(
      `/v1/releases/${encodeURIComponent(releaseId)}/findings`,
    );
  }

  async commandRelease(
    id: string,
    verb: ReleaseVerb,
    request: VerbRequest = {},
  ): Promise<CommandAnswer> {
    return this.#requests.post(
      `/v1/releases/${encodeURIComponent(id)}/commands`,
      { verb, ...verbBody(request) },
    );
  }

  async createDeployment(
    request: VerbRequest & {
      service: ServiceRef;
      environment: string;
      releaseId: string;
      kind?: 'deploy' | 'rollback';
    },
  ): Promise<Deployment> {
    const { service, environment, releaseId, kind } = request;
    return this.#requests.post('/v1/deployments', {
      service,
      environment,
      releaseId,
      kind,
      ...verbBody(request),
    });
  }

  async getDeployments(
    request: PageRequest & {
      service?: ServiceRef;
      environment?: string;
    } = {},
  ): Promise<Page<Deployment>> {
    const { cursor, limit, service, environment } = request;
    return this.#requests.get('/v1/deployments', {
      cursor,
      limit,
      service,
      environment,
    });
  }

  async getDeployment(id: string): Promise<DeploymentDetail> {
    return this.#requests.get(`/v1/deployments/${encodeURIComponent(id)}`);
  }

  async getMeasurements(deploymentId: string): Promise<MeasurementsView> {
    return this.#requests.get(
      `/v1/deployments/${encodeURIComponent(deploymentId)}/measurements`,
    );
  }

  async commandDeployment(
    id: string,
    verb: DeploymentVerb,
    request: VerbRequest = {},
  ): Promise<CommandAnswer> {
    return this.#requests.post(
      `/v1/deployments/${encodeURIComponent(id)}/commands`,
      { verb, ...verbBody(request) },
    );
  }

  async commandTarget(
    service: ServiceRef,
    environment: string,
    verb: TargetVerb,
    request: VerbRequest = {},
  ): Promise<CommandAnswer> {
    return this.#requests.post(`${targetPath(service, environment)}/commands`, {
      verb,
      ...verbBody(request),
    });
  }

  async runOperation(
    service: ServiceRef,
    environment: string,
    operation: string,
    request: VerbRequest & {
      args?: Record<string, string | number | boolean>;
    } = {},
  ): Promise<CommandAnswer> {
    return this.#requests.post(
      `${targetPath(service, environment)}/operations/${encodeURIComponent(
        operation,
      )}`,
      { args: request.args, ...verbBody(request) },
    );
  }

  async getChecks(
    service: ServiceRef,
    environment: string,
  ): Promise<ConnectionCheck[]> {
    const { items } = await this.#requests.get<{ items: ConnectionCheck[] }>(
      `${targetPath(service, environment)}/checks`,
    );
    return items;
  }

  async getPreview(
    service: ServiceRef,
    environment: string,
    releaseId: string,
  ): Promise<PlanDiff | undefined> {
    const { diff } = await this.#requests.get<{ diff?: PlanDiff }>(
      `${targetPath(service, environment)}/preview/${encodeURIComponent(
        releaseId,
      )}`,
    );
    return diff;
  }

  async getInstanceLogs(
    service: ServiceRef,
    environment: string,
    request: {
      instance?: string;
      after?: string;
      waitMs?: number;
      limit?: number;
    } = {},
  ): Promise<LogChunk> {
    const { instance, after, waitMs, limit } = request;
    return this.#requests.get(`${targetPath(service, environment)}/logs`, {
      instance,
      after,
      waitMs,
      limit,
    });
  }

  async streamEvents(
    request: EventStreamOptions,
    onEvent: (event: ChangeEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    return followEvents(this.#requests, request, onEvent, signal);
  }
}

function verbBody(request: VerbRequest): VerbRequest {
  const { reason, idempotencyKey, expectedVersion } = request;
  return { reason, idempotencyKey, expectedVersion };
}

function targetPath(service: ServiceRef, environment: string): string {
  return `${servicePath(service)}/environments/${encodeURIComponent(
    environment,
  )}`;
}

/** `component:default/checkout` to `/v1/services/component/default/checkout`. */
function servicePath(service: ServiceRef): string {
  const match = /^([^:/]+):([^:/]+)\/([^:/]+)$/.exec(service);
  if (!match) {
    throw new TypeError(
      `Invalid service "${service}": expected an entity ref such as component:default/checkout`,
    );
  }
  const [kind, namespace, name] = match.slice(1).map(encodeURIComponent);
  return `/v1/services/${kind}/${namespace}/${name}`;
}
