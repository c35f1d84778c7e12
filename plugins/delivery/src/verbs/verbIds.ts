import {
  DeploymentVerb,
  TargetVerb,
  TargetView,
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

/** What a verb is called in the state of its target. */
export function verbLabel(
  verb: VerbId,
  target: Pick<TargetView, 'givingBack'>,
): `verbs.label.${VerbId | 'give-back-again'}` {
  return verb === 'give-back' && target.givingBack?.overdue
    ? 'verbs.label.give-back-again'
    : `verbs.label.${verb}`;
}

/** Verbs that begin a new deployment of a release that is chosen. */
export function choosesRelease(verb: VerbId): verb is 'deploy' | 'rollback' {
  return verb === 'deploy' || verb === 'rollback';
}

/** Verbs whose reason others will read while it is in force. */
export function wantsReason(verb: VerbId): boolean {
  return verb === 'hold' || verb === 'take-over' || verb === 'give-back';
}
