import {
  CommandAnswer,
  ConnectionCheck,
  CommitView,
  Deployment,
  DeploymentDetail,
  DeploymentVerb,
  EnvironmentView,
  Finding,
  LogChunk,
  MeasurementsView,
  Page,
  PlanDiff,
  Release,
  ReleaseDetail,
  ReleaseVerb,
  ServiceOverview,
  ServiceRef,
  ServiceSummary,
  TargetRef,
  TargetVerb,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { Caller, Grants } from '../auth';

/*
 * What the routers call. Each interface has a plain implementation, which
 * works on the store and trusts its context, and an `Authorized*` decorator
 * around it, which makes the grants, refuses, and audits. Routers only ever
 * get the decorated ones.
 */

/** Who asks, and what was decided for them. */
export interface Context {
  caller: Caller;
  /** Set by the decorators; the plain implementations filter by it. */
  grants: Grants;
}

export interface PageQuery {
  cursor?: string;
  limit?: number;
}

export interface VerbOptions {
  reason?: string;
  idempotencyKey?: string;
  expectedVersion?: number;
}

/** Waits end with the signal: the client has gone. */
export interface LogQuery {
  after?: string;
  waitMs: number;
  limit: number;
  signal: AbortSignal;
}

export interface ServicesService {
  list(
    context: Context,
    query: PageQuery & { owner?: string; system?: string },
  ): Promise<Page<ServiceSummary>>;
  overview(context: Context, service: ServiceRef): Promise<ServiceOverview>;
  commits(
    context: Context,
    service: ServiceRef,
    query: { ref?: string; limit: number },
  ): Promise<CommitView[]>;
}

export interface ReleasesService {
  create(
    context: Context,
    service: ServiceRef,
    request: { commit: string; reason?: string; idempotencyKey?: string },
  ): Promise<Release>;
  list(
    context: Context,
    query: PageQuery & { service?: ServiceRef },
  ): Promise<Page<Release>>;
  get(context: Context, id: string): Promise<ReleaseDetail>;
  logs(
    context: Context,
    id: string,
    query: LogQuery & { stage: string },
  ): Promise<LogChunk>;
  findings(
    context: Context,
    id: string,
  ): Promise<{ findings: Finding[]; notCovered: string[] }>;
  sbom(context: Context, id: string, image?: string): Promise<Buffer>;
  command(
    context: Context,
    id: string,
    verb: ReleaseVerb,
    options: VerbOptions,
  ): Promise<CommandAnswer>;
}

export interface DeploymentsService {
  create(
    context: Context,
    request: VerbOptions & {
      target: TargetRef;
      releaseId: string;
      kind: 'deploy' | 'rollback';
    },
  ): Promise<Deployment>;
  list(
    context: Context,
    query: PageQuery & { service?: ServiceRef; environment?: string },
  ): Promise<Page<Deployment>>;
  get(context: Context, id: string): Promise<DeploymentDetail>;
  measurements(context: Context, id: string): Promise<MeasurementsView>;
  command(
    context: Context,
    id: string,
    verb: DeploymentVerb,
    options: VerbOptions,
  ): Promise<CommandAnswer>;
}

export interface EnvironmentsService {
  /** In promotion order. */
  list(context: Context): Promise<EnvironmentView[]>;
  /**
   * What the environment's connection lacks for all that the platform gives to
   * its services, and how to give it.
   */
  checks(
    context: Context,
    environment: string,
    signal: AbortSignal,
  ): Promise<ConnectionCheck[]>;
}

export interface TargetsService {
  list(
    context: Context,
    query: PageQuery & {
      environment?: string;
      owner?: string;
      system?: string;
      service?: ServiceRef;
      attention?: boolean;
    },
  ): Promise<Page<TargetView>>;
  command(
    context: Context,
    target: TargetRef,
    verb: TargetVerb,
    options: VerbOptions,
  ): Promise<CommandAnswer>;
  operate(
    context: Context,
    target: TargetRef,
    operation: string,
    options: VerbOptions & { args: Record<string, string | number | boolean> },
  ): Promise<CommandAnswer>;
  /** What the environment's connection lacks for this target, and how to give it. */
  checks(
    context: Context,
    target: TargetRef,
    signal: AbortSignal,
  ): Promise<ConnectionCheck[]>;
  /** What a release would change here; `undefined`: the environment cannot tell. */
  preview(
    context: Context,
    target: TargetRef,
    releaseId: string,
    signal: AbortSignal,
  ): Promise<PlanDiff | undefined>;
  logs(
    context: Context,
    target: TargetRef,
    query: LogQuery & { instance?: string; generation?: string },
  ): Promise<LogChunk>;
}
