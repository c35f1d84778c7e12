import {
  PlanDiff,
  Deployment,
  DeploymentVerb,
  Finding,
  Release,
  ReleaseVerb,
  ServiceRef,
  TargetVerb,
  CommandAnswer,
  ConnectionCheck,
} from '../model';
import {
  ChangeEvent,
  CommitView,
  DeploymentDetail,
  EnvironmentView,
  LogChunk,
  MeasurementsView,
  Page,
  ReleaseDetail,
  ServiceOverview,
  ServiceSummary,
  TargetView,
} from './views';

/** @public */
export interface PageRequest {
  cursor?: string;
  limit?: number;
}

/** Verbs carry a key so that sending one twice does it once. @public */
export interface VerbRequest {
  reason?: string;
  idempotencyKey?: string;
  expectedVersion?: number;
}

/** What the frontend, the terminal client and CI use. @public */
export interface DeliveryApi {
  getServices(
    request?: PageRequest & { owner?: string; system?: string },
  ): Promise<Page<ServiceSummary>>;
  getOverview(service: ServiceRef): Promise<ServiceOverview>;
  getCommits(
    service: ServiceRef,
    request?: { ref?: string; limit?: number },
  ): Promise<CommitView[]>;
  getEnvironments(): Promise<EnvironmentView[]>;
  /**
   * What the environment's connection has and lacks for all that the platform
   * gives to its services, and how to give it. Nothing has to be deployed there.
   */
  getEnvironmentChecks(environment: string): Promise<ConnectionCheck[]>;
  /** The estate: service × environment. */
  getTargets(
    request?: PageRequest & {
      environment?: string;
      owner?: string;
      system?: string;
      service?: ServiceRef;
      /** Only what waits for a person: paused, errored, on hold, degraded. */
      attention?: boolean;
    },
  ): Promise<Page<TargetView>>;

  createRelease(
    service: ServiceRef,
    request: { commit: string; idempotencyKey?: string; reason?: string },
  ): Promise<Release>;
  getReleases(
    request: PageRequest & { service?: ServiceRef },
  ): Promise<Page<Release>>;
  getRelease(id: string): Promise<ReleaseDetail>;
  getReleaseLogs(
    id: string,
    request: { stage: string; after?: string; waitMs?: number },
  ): Promise<LogChunk>;
  getFindings(
    releaseId: string,
  ): Promise<{ findings: Finding[]; notCovered: string[] }>;
  commandRelease(
    id: string,
    verb: ReleaseVerb,
    request?: VerbRequest,
  ): Promise<CommandAnswer>;

  createDeployment(
    request: VerbRequest & {
      service: ServiceRef;
      environment: string;
      releaseId: string;
      kind?: 'deploy' | 'rollback';
    },
  ): Promise<Deployment>;
  getDeployments(
    request: PageRequest & { service?: ServiceRef; environment?: string },
  ): Promise<Page<Deployment>>;
  getDeployment(id: string): Promise<DeploymentDetail>;
  getMeasurements(deploymentId: string): Promise<MeasurementsView>;
  commandDeployment(
    id: string,
    verb: DeploymentVerb,
    request?: VerbRequest,
  ): Promise<CommandAnswer>;

  commandTarget(
    service: ServiceRef,
    environment: string,
    verb: TargetVerb,
    request?: VerbRequest,
  ): Promise<CommandAnswer>;
  runOperation(
    service: ServiceRef,
    environment: string,
    operation: string,
    request?: VerbRequest & {
      args?: Record<string, string | number | boolean>;
    },
  ): Promise<CommandAnswer>;
  /** What the environment's connection has and lacks for a service, and how to give it. */
  getChecks(
    service: ServiceRef,
    environment: string,
  ): Promise<ConnectionCheck[]>;
  /** What deploying a release would change here; `undefined`: it cannot be told. */
  getPreview(
    service: ServiceRef,
    environment: string,
    releaseId: string,
  ): Promise<PlanDiff | undefined>;
  getInstanceLogs(
    service: ServiceRef,
    environment: string,
    request: {
      instance?: string;
      after?: string;
      waitMs?: number;
      limit?: number;
    },
  ): Promise<LogChunk>;

  /**
   * The resumable change stream. Resolves when the signal aborts or the server
   * ends it (the token is over), rejects when the connection breaks; with
   * `reconnect` it comes back by itself and only the signal ends it.
   */
  streamEvents(
    request: {
      lastEventId?: string;
      services?: ServiceRef[];
      /** Called when the backend has answered, before the first event. */
      onOpen?: () => void;
      reconnect?: boolean;
      /** With `reconnect`: the connection was lost and is tried again. */
      onDisconnect?: (error: Error | undefined) => void;
    },
    onEvent: (event: ChangeEvent) => void,
    signal: AbortSignal,
  ): Promise<void>;
}
