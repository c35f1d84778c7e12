import {
  DeploymentStatus,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { VerbId } from './verbIds';

const NEXT_STATUS: Partial<Record<VerbId, DeploymentStatus>> = {
  pause: 'paused',
  resume: 'progressing',
  promote: 'progressing',
  'promote-full': 'progressing',
  'skip-step': 'progressing',
  abort: 'aborting',
};

/** What the target will look like if the verb is accepted; shown until the backend says. */
export function predict(target: TargetView, verb: VerbId): TargetView {
  const status = NEXT_STATUS[verb];
  if (status && target.active) {
    return { ...target, active: { ...target.active, status } };
  }
  if (verb === 'cancel') {
    return { ...target, queued: target.queued.slice(1) };
  }
  if (verb === 'release-hold') {
    return { ...target, hold: undefined };
  }
  return target;
}
