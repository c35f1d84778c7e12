import { Actor } from './identity';

/** Verbs of people on a deployment. @public */
export type DeploymentVerb =
  | 'promote'
  | 'promote-full'
  | 'skip-step'
  | 'pause'
  | 'resume'
  | 'abort'
  | 'retry'
  | 'cancel';

/** Verbs of people on a target. @public */
export type TargetVerb =
  | 'hold'
  | 'release-hold'
  | 'restart'
  | 'take-over'
  | 'give-back';

/** Verbs of people on a release. @public */
export type ReleaseVerb = 'cancel' | 'retry';

/** A row that the next tick answers. @public */
export interface Command {
  id: string;
  verb: DeploymentVerb | TargetVerb | ReleaseVerb;
  /** Deployment id, target id or release id. */
  subjectKind: 'deployment' | 'target' | 'release';
  subjectId: string;
  actor: Actor;
  reason?: string;
  createdAtMs: number;
}

/** @public */
export interface CommandAnswer {
  commandId: string;
  accepted: boolean;
  /** Why it was refused, or what it did. */
  message: string;
  /** The engine has not answered yet; the verb is written down and will be. */
  pending?: boolean;
}
