import {
  Deployment,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { activeDeployment } from '../model';
import { DeliveryT } from '../translation';
import { VerbId } from './verbIds';

export interface VerbState {
  verb: VerbId;
  allowed: boolean;
  /** Why not. */
  reason?: string;
  /** The deployment that the verb is about, for verbs on deployments. */
  deployment?: Deployment;
}

const RETRIED: readonly Deployment['status'][] = [
  'rolled-back',
  'failed',
  'aborted',
];

/** Why a verb makes no sense in this state; the backend's word comes on top. */
function stateReason(
  verb: VerbId,
  target: TargetView,
  t: DeliveryT,
): string | undefined {
  const active = activeDeployment(target);
  switch (verb) {
    case 'promote':
    case 'promote-full':
    case 'skip-step':
    case 'pause':
    case 'abort':
      if (!active) {
        return t('verbs.state.noDeployment');
      }
      if (active.status === 'aborting') {
        return t('verbs.state.goingBack');
      }
      return hasStarted(active) ? undefined : t('verbs.state.gated');
    case 'resume':
      return active?.status === 'paused'
        ? undefined
        : t('verbs.state.notPaused');
    case 'restart':
      return target.stable ? undefined : t('verbs.state.nothingStable');
    case 'release-hold':
      return target.hold ? undefined : t('verbs.state.noHold');
    default:
      return undefined;
  }
}

function shownVerbs(target: TargetView): VerbId[] {
  const active = activeDeployment(target);
  const verbs: VerbId[] = [];
  if (active && hasStarted(active)) {
    verbs.push(
      'promote',
      'promote-full',
      active.status === 'paused' ? 'resume' : 'pause',
      'skip-step',
      'abort',
    );
    if (active.status === 'errored') {
      verbs.push('retry');
    }
  } else if (!active && target.last && RETRIED.includes(target.last.status)) {
    verbs.push('retry');
  }
  if (waitingDeployment(target)) {
    verbs.push('cancel');
  }
  if (target.verbs['take-over']?.allowed) {
    verbs.push('take-over');
  }
  verbs.push(
    'deploy',
    'rollback',
    target.hold ? 'release-hold' : 'hold',
    'restart',
  );
  // Only where there is somebody to give it to.
  if (target.verbs['give-back'] && (target.stable || target.givingBack)) {
    verbs.push('give-back');
  }
  return verbs;
}

/** The one that waits and would be cancelled: its turn comes next. */
export function waitingDeployment(target: TargetView): Deployment | undefined {
  const active = activeDeployment(target);
  return active && !hasStarted(active) ? active : target.queued[0];
}

function hasStarted(deployment: Deployment): boolean {
  return deployment.status !== 'gated' && deployment.status !== 'queued';
}

/** The verbs that mean something for a target now, each with why it cannot be used. */
export function verbStates(target: TargetView, t: DeliveryT): VerbState[] {
  return shownVerbs(target).map(verb => {
    const cancelsQueued = verb === 'cancel';
    // The backend speaks of the active deployment, a queued one can always be
    // cancelled by whoever may; a refusal is told when it comes.
    const said = cancelsQueued ? undefined : target.verbs[verb];
    const senseless = stateReason(verb, target, t);
    const allowed = !senseless && said?.allowed !== false;
    return {
      verb,
      allowed,
      reason: allowed ? undefined : said?.reason ?? senseless,
      deployment: cancelsQueued
        ? waitingDeployment(target)
        : activeDeployment(target) ?? target.last,
    };
  });
}
