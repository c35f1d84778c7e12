import {
  DeploymentVerb,
  TargetVerb,
} from '@slipway/backstage-plugin-delivery-common';

/** What a person can do to a target or to the deployment that moves it. */
export type VerbId = DeploymentVerb | TargetVerb | 'deploy' | 'rollback';

const TARGET_VERBS: readonly VerbId[] = [
  'hold',
  'release-hold',
  'restart',
  'take-over',
  'give-back',
];

export function isTargetVerb(verb: VerbId): verb is TargetVerb {
  return TARGET_VERBS.includes(verb);
}

/** Verbs that begin a new deployment of a release that is chosen. */
export function choosesRelease(verb: VerbId): verb is 'deploy' | 'rollback' {
  return verb === 'deploy' || verb === 'rollback';
}

/** Verbs whose reason others will read while it is in force. */
export function wantsReason(verb: VerbId): boolean {
  return verb === 'hold' || verb === 'take-over' || verb === 'give-back';
}
