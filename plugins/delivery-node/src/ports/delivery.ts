import {
  ConnectionCheck,
  GenerationRole,
  ServiceRef,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { Fence } from './fence';
import { Plan, Renderer } from './plan';
import { DelegatedRollout, Jobs, PlanObjects, Workloads } from './workloads';
import { TrafficRouter } from './traffic';
import { LiveSource, Operations } from './live';
import { LogProvider, MetricLabels, MetricProvider } from './evidence';

/**
 * What is checked: an environment for one service, or with all that is given
 * to its services.
 *
 * @public
 */
export interface CheckSubject {
  environment: string;
  service?: ServiceRef;
}

/**
 * Everything one environment's connection offers. The platform's configuration
 * names the connection; a repository cannot.
 *
 * @public
 */
export interface Connection {
  readonly type: string;
  readonly name: string;
  /** Shown on every page of the environment: "isolates nothing". */
  notices(): string[];
  renderers: Renderer[];
  workloads: Workloads;
  traffic: TrafficRouter;
  /** Absent: definitions with `hooks` are refused here. */
  jobs?: Jobs;
  objects?: PlanObjects;
  /** Strategies that another controller leads here. */
  delegated?: DelegatedRollout;
  live: LiveSource;
  operations?: Operations;
  metrics: MetricProvider[];
  /** For metric providers that do not come from the connection. */
  metricLabels?(
    target: TargetRef,
    generation: string,
    signal: AbortSignal,
  ): Promise<MetricLabels>;
  logs?: LogProvider;
  /**
   * Gives a target back to whoever has it without us: what runs of the Plan
   * goes on serving, without marks, fields or fences of ours. Each call does
   * what can be done now; it is called again until it is done, also by another
   * process. What serves is taken away only once its successor is seen to.
   * Absent: there is nobody to give it to.
   *
   * Errors: `StaleEpochError`; whatever is in its way, to be tried again.
   */
  giveBack?(
    target: TargetRef,
    fence: Fence,
    plan: Plan,
    signal: AbortSignal,
  ): Promise<{ done: boolean; message: string }>;
  /**
   * Holds what the world gives us against what is needed; asked for by people.
   * Without a service: for all that the platform's configuration gives to
   * services of the environment, also before one of them was deployed. One
   * place that cannot be looked at is `unknown`, and spoils no other.
   *
   * Errors: none for what is missing, that is an answer.
   */
  check?(of: CheckSubject, signal: AbortSignal): Promise<ConnectionCheck[]>;
  /** May the roles be told apart in the world already, so that names stay stable? */
  describeRole?(role: GenerationRole): string;
}

/** Makes connections of one type from the platform's configuration. @public */
export interface ConnectionFactory {
  readonly type: string;
  create(name: string): Promise<Connection>;
}
