import { LoggerService } from '@backstage/backend-plugin-api';
import {
  Actor,
  AnalysisRun,
  AnalysisVerdict,
  CommitInfo,
  Deployment,
  Measurement,
  Release,
  ServiceRef,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection, Plan } from '@slipway/backstage-plugin-delivery-node';
import type { DeliveryStore } from '../../store';
import { Observer } from '../../live';
import { HealthWatch } from './healthWatch';

/** What the API needs of an environment's configuration. */
export interface EnvironmentInfo {
  name: string;
  title: string;
  tier: string;
  connection: { type: string; name: string };
  automation: boolean;
  queue: 'queue' | 'supersede' | 'reject';
  /** Default `tell`. */
  drift?: 'tell' | 'repair';
  order: number;
}

/** What the API needs of the release room. */
export interface ReleaseMaker {
  createRelease(options: {
    service: ServiceRef;
    commit: string;
    actor: Actor;
    idempotencyKey: string;
  }): Promise<Release>;
  commits(
    service: ServiceRef,
    options: { ref?: string; limit: number },
  ): Promise<CommitInfo[]>;
}

/** What the API needs of the engine. */
export interface DeploymentMaker {
  requestDeployment(options: {
    service: ServiceRef;
    environment: string;
    releaseId: string;
    kind: 'deploy' | 'rollback';
    actor: Actor;
    cause: string;
    idempotencyKey: string;
  }): Promise<Deployment>;
  poke(target: TargetRef): void | Promise<void>;
  /** Looks for due work now: a row was added that the engine works on. */
  wake(): void;
}

/** What the API needs of the analysis room. */
export type Judge = (input: {
  run: AnalysisRun;
  measurements: Measurement[];
  nowMs: number;
}) => AnalysisVerdict;

/** What the API needs of the release room to show what a deployment would change. */
export type PlanMaker = (
  target: TargetRef,
  releaseId: string,
  signal: AbortSignal,
) => Promise<Plan>;

/** What the plain implementations work with. */
export interface ServiceDependencies {
  store: DeliveryStore;
  /** In promotion order. */
  environments: EnvironmentInfo[];
  connections: ReadonlyMap<string, Connection>;
  observer: Observer;
  /** Finds what is unwell while nobody looks; absent: lists tell of instances only. */
  healthWatch?: HealthWatch;
  /** Ends the health watch; without it, it is not started. */
  shutdown?: AbortSignal;
  releases: ReleaseMaker;
  deployments: DeploymentMaker;
  plans: PlanMaker;
  judge: Judge;
  /** `delivery.permissions.allowDisabled`, to show it. */
  allowDisabled: boolean;
  /** Backstage's `permission.enabled`, to show it. */
  permissionsEnabled: boolean;
  logger: LoggerService;
  clock: () => number;
}
