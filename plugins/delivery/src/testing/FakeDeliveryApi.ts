import {
  ChangeEvent,
  CommandAnswer,
  ConnectionCheck,
  CommitView,
  DeliveryApi,
  Deployment,
  DeploymentDetail,
  EnvironmentView,
  Finding,
  LogChunk,
  MeasurementsView,
  Page,
  PlanDiff,
  Release,
  ReleaseDetail,
  ServiceOverview,
  ServiceSummary,
  TargetView,
  VerbRequest,
} from '@slipway/backstage-plugin-delivery-common';
import {
  COMMITS,
  FINDINGS,
  PRODUCTION,
  STAGING,
  deploymentDetail,
  measurements,
  overview,
  release,
  releaseDetail,
} from './fixtures';

/** What was sent to the backend, to look at afterwards. */
export interface SentVerb {
  subject: string;
  verb: string;
  request: VerbRequest;
}

/**
 * A backend in memory: what it answers are fields that a test sets, what it
 * was told is in `sent`.
 */
export class FakeDeliveryApi implements DeliveryApi {
  overview: ServiceOverview = overview();
  releases: Release[] = [release()];
  deployments: Deployment[] = [];
  detail?: DeploymentDetail;
  releaseDetail?: ReleaseDetail;
  commits: CommitView[] = COMMITS;
  findings: { findings: Finding[]; notCovered: string[] } = {
    findings: FINDINGS,
    notCovered: [],
  };
  measured: MeasurementsView = measurements();
  environments: EnvironmentView[] = [STAGING, PRODUCTION];
  answer: CommandAnswer = {
    commandId: 'command-1',
    accepted: true,
    message: 'written down',
  };
  checks: ConnectionCheck[] = [];
  /** By environment; an error is thrown. */
  environmentChecks: Record<string, ConnectionCheck[] | Error> = {};
  log: LogChunk = {
    lines: [{ atMs: 0, text: 'hello from the log', stream: 'stdout' }],
    nextOffset: '1',
    ended: true,
  };
  /** Calls that fail, by method. */
  failures: Partial<Record<keyof DeliveryApi, Error>> = {};
  readonly sent: SentVerb[] = [];
  readonly calls: Array<keyof DeliveryApi> = [];

  async #call<T>(method: keyof DeliveryApi, value: T): Promise<T> {
    this.calls.push(method);
    const failure = this.failures[method];
    if (failure) {
      throw failure;
    }
    return value;
  }

  getServices(): Promise<Page<ServiceSummary>> {
    return this.#call('getServices', { items: [this.overview.service] });
  }

  getOverview(): Promise<ServiceOverview> {
    return this.#call('getOverview', this.overview);
  }

  getCommits(): Promise<CommitView[]> {
    return this.#call('getCommits', this.commits);
  }

  getEnvironments(): Promise<EnvironmentView[]> {
    return this.#call('getEnvironments', this.environments);
  }

  async getEnvironmentChecks(environment: string): Promise<ConnectionCheck[]> {
    const answer = this.environmentChecks[environment] ?? [];
    if (answer instanceof Error) {
      throw answer;
    }
    return this.#call('getEnvironmentChecks', answer);
  }

  getTargets(
    request?: Parameters<DeliveryApi['getTargets']>[0],
  ): Promise<Page<TargetView>> {
    const items = this.overview.targets.filter(
      target =>
        !request?.environment ||
        target.environment.name === request.environment,
    );
    return this.#call('getTargets', { items });
  }

  createRelease(
    service: string,
    request: { commit: string; reason?: string; idempotencyKey?: string },
  ): Promise<Release> {
    this.sent.push({
      subject: service,
      verb: `release ${request.commit}`,
      request,
    });
    return this.#call('createRelease', this.releases[0]);
  }

  getReleases(): Promise<Page<Release>> {
    return this.#call('getReleases', { items: this.releases });
  }

  getRelease(): Promise<ReleaseDetail> {
    return this.#call(
      'getRelease',
      this.releaseDetail ?? releaseDetail(this.releases[0]),
    );
  }

  getReleaseLogs(): Promise<LogChunk> {
    return this.#call('getReleaseLogs', this.log);
  }

  getFindings(): Promise<{ findings: Finding[]; notCovered: string[] }> {
    return this.#call('getFindings', this.findings);
  }

  commandRelease(
    id: string,
    verb: string,
    request: VerbRequest = {},
  ): Promise<CommandAnswer> {
    this.sent.push({ subject: id, verb, request });
    return this.#call('commandRelease', this.answer);
  }

  createDeployment(
    request: VerbRequest & {
      environment: string;
      releaseId: string;
      kind?: 'deploy' | 'rollback';
    },
  ): Promise<Deployment> {
    this.sent.push({
      subject: request.environment,
      verb: `${request.kind} ${request.releaseId}`,
      request,
    });
    return this.#call('createDeployment', this.deployments[0]);
  }

  getDeployments(): Promise<Page<Deployment>> {
    return this.#call('getDeployments', { items: this.deployments });
  }

  getDeployment(): Promise<DeploymentDetail> {
    return this.#call(
      'getDeployment',
      this.detail ?? deploymentDetail(this.deployments[0]),
    );
  }

  getMeasurements(): Promise<MeasurementsView> {
    return this.#call('getMeasurements', this.measured);
  }

  commandDeployment(
    id: string,
    verb: string,
    request: VerbRequest = {},
  ): Promise<CommandAnswer> {
    this.sent.push({ subject: id, verb, request });
    return this.#call('commandDeployment', this.answer);
  }

  commandTarget(
    service: string,
    environment: string,
    verb: string,
    request: VerbRequest = {},
  ): Promise<CommandAnswer> {
    this.sent.push({ subject: `${service}@${environment}`, verb, request });
    return this.#call('commandTarget', this.answer);
  }

  runOperation(
    service: string,
    environment: string,
    operation: string,
    request: VerbRequest = {},
  ): Promise<CommandAnswer> {
    this.sent.push({
      subject: `${service}@${environment}`,
      verb: operation,
      request,
    });
    return this.#call('runOperation', this.answer);
  }

  getChecks(): Promise<ConnectionCheck[]> {
    return this.#call('getChecks', this.checks);
  }

  preview?: PlanDiff;
  getPreview(): Promise<PlanDiff | undefined> {
    return this.#call('getPreview', this.preview);
  }

  getInstanceLogs(): Promise<LogChunk> {
    return this.#call('getInstanceLogs', this.log);
  }

  #onEvent?: (event: ChangeEvent) => void;

  async streamEvents(
    request: { onOpen?: () => void },
    onEvent: (event: ChangeEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#call('streamEvents', undefined);
    this.#onEvent = onEvent;
    request.onOpen?.();
    await new Promise<void>(resolve =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    );
  }

  /** Says on the stream that something changed. */
  emit(event: Omit<ChangeEvent, 'id'>) {
    this.#onEvent?.({ id: `event-${this.calls.length}`, ...event });
  }
}
