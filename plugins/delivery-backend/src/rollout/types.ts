import {
  AnalysisVerdict,
  Command,
  CommandAnswer,
  Outcome,
  Reason,
  RolloutState,
  StrategyModel,
  GenerationRole,
  HookModel,
  JobState,
  Observed,
  TargetRecord,
  World,
} from '@slipway/backstage-plugin-delivery-common';

/** What starts a rollout; made by the engine from a Deployment and its Plan. */
export interface RolloutRequest {
  deploymentId: string;
  attempt: number;
  kind: RolloutState['kind'];
  candidate: GenerationRole;
  strategy: StrategyModel;
  /** The strategy is one that another controller leads. */
  delegated?: { leader: string; program: Record<string, unknown> };
  /** Jobs of the candidate's Plan; run by a `deploy` only. */
  hooks?: HookModel[];
  progressDeadlineMs: number;
}

/** Everything `decide` may look at. Nothing else exists for it: no clock, no I/O, no randomness. */
export interface DecideInput {
  record: TargetRecord;
  /** A new rollout for the target; supersedes the active one (its weight goes to 0 first). */
  start?: RolloutRequest;
  world: World;
  /** Unanswered verbs on the active deployment, oldest first. */
  commands: Command[];
  /** By analysis id; made by the analysis room's judge. */
  verdicts: Record<string, AnalysisVerdict>;
  /** By the key of a hook step; what is not there was not looked at yet. */
  jobs?: Record<string, Observed<JobState>>;
  nowMs: number;
}

/** News of the rollout for the timeline; the engine adds ids and the target. */
export interface RolloutEvent {
  type: string;
  message: string;
  level: 'info' | 'warning' | 'error';
  deploymentId?: string;
  reason?: Reason;
}

export interface DecideOutput {
  record: TargetRecord;
  events: RolloutEvent[];
  /** Every command given is answered at once, or left out to be given again. */
  answers: CommandAnswer[];
  /** When to look again at the latest; undefined: only when something changes. */
  wakeAtMs?: number;
  /** Deployments that reached their end in this decision. */
  finished: Array<{
    deploymentId: string;
    outcome: Outcome;
    reason?: Reason;
    hold: boolean;
  }>;
}
