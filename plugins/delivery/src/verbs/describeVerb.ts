import { Release, TargetView } from '@slipway/backstage-plugin-delivery-common';
import {
  activeDeployment,
  candidateOf,
  currentStep,
  nextStep,
  trackRows,
} from '../model';
import {
  DASH,
  describeStep,
  formatActor,
  formatPercent,
  mainDigest,
  shortDigest,
} from '../format';
import { DeliveryT } from '../translation';
import { VerbId } from './verbIds';
import { waitingDeployment } from './verbStates';

/** How many steps of the rollout are still to come after the current one. */
function stepsLeft(target: TargetView): number {
  const rollout = activeDeployment(target)?.rollout;
  return rollout
    ? Math.max(0, rollout.steps.length - rollout.stepIndex - 1)
    : 0;
}

/** Says exactly what a verb will do: digests, weights, what comes after. */
export function describeVerb(
  verb: VerbId,
  target: TargetView,
  t: DeliveryT,
  chosen?: Release,
): string[] {
  const environment = target.environment.title;
  const active = activeDeployment(target);
  const version = active?.releaseVersion ?? target.last?.releaseVersion ?? DASH;
  const digest = shortDigest(
    mainDigest(
      candidateOf(target)?.digests ?? target.last?.rollout?.candidate.digests,
    ),
  );
  const stable = target.stable?.version;
  const stableDigest = shortDigest(mainDigest(target.stable?.digests));
  const step = active && currentStep(active);
  const next = active && nextStep(active);
  const stepWords = step
    ? { step: String(step.index + 1), what: describeStep(t, step.step) }
    : { step: DASH, what: DASH };

  switch (verb) {
    case 'promote': {
      const lines: string[] = next
        ? [
            t('verbs.will.promoteNext', {
              environment,
              step: stepWords.step,
              next: String(next.index + 1),
              what: describeStep(t, next.step),
            }),
          ]
        : [t('verbs.will.promoteLast', { environment, version })];
      if (next?.step.type === 'weight' && next.step.percent < 100 && stable) {
        const { percent } = next.step;
        lines.push(
          t('verbs.will.weights', {
            percent: formatPercent(percent),
            version,
            digest,
            rest: formatPercent(100 - percent),
            stable,
          }),
        );
      } else if (!next || next.step.type !== 'analysis') {
        lines.push(t('verbs.will.allTraffic', { version, digest }));
      }
      return lines;
    }
    case 'promote-full':
      return [
        t('verbs.will.skipSteps', { count: stepsLeft(target) }),
        t('verbs.will.allTraffic', { version, digest }),
        ...(stable ? [t('verbs.will.drain', { stable })] : []),
      ];
    case 'skip-step':
      return [t('verbs.will.skipStep', stepWords)];
    case 'pause': {
      const row = trackRows(target).find(
        it => it.generation === candidateOf(target)?.generation,
      );
      return [
        t('verbs.will.pause', stepWords),
        t('verbs.will.keepWeights', {
          percent: formatPercent(row?.askedPercent),
          version,
          digest,
        }),
      ];
    }
    case 'resume':
      return [t('verbs.will.resume', stepWords)];
    case 'abort':
      return [
        stable
          ? t('verbs.will.abortBack', { stable, digest: stableDigest })
          : t('verbs.will.abortFirst', { version }),
        t('verbs.will.abortRemove', { version }),
        t('verbs.will.abortSticky', { version }),
      ];
    case 'retry':
      return [t('verbs.will.retry', { version, digest })];
    case 'cancel':
      return [
        t('verbs.will.cancel', {
          version: waitingDeployment(target)?.releaseVersion ?? DASH,
          environment,
        }),
      ];
    case 'hold':
      return [t('verbs.will.hold', { environment })];
    case 'release-hold':
      return [
        t('verbs.will.releaseHold', {
          environment,
          who: target.hold ? formatActor(t, target.hold.by) : DASH,
          reason: target.hold?.reason ?? DASH,
        }),
      ];
    case 'restart':
      return [
        t('verbs.will.restart', {
          version: stable ?? DASH,
          digest: stableDigest,
          environment,
        }),
      ];
    case 'give-back':
      if (target.givingBack) {
        return [
          t('verbs.will.giveBackAgain', {
            environment,
            message: target.givingBack.message ?? DASH,
          }),
          t('verbs.will.giveBackMarks'),
        ];
      }
      return [
        t('verbs.will.giveBackHold', { environment }),
        t('verbs.will.giveBackServes', {
          version: stable ?? DASH,
          digest: stableDigest,
        }),
        t('verbs.will.giveBackMarks'),
        t('verbs.will.giveBackReturn'),
      ];
    case 'take-over':
      if (target.givingBack) {
        return [t('verbs.will.keepIt', { environment })];
      }
      return [t('verbs.will.takeOver', { environment })];
    default: {
      const words = {
        version: chosen?.version ?? DASH,
        digest: shortDigest(chosen?.images[0]?.digest),
        environment,
      };
      return [
        verb === 'rollback'
          ? t('verbs.will.rollback', words)
          : t('verbs.will.deploy', words),
        stable
          ? t('verbs.will.replaces', { stable, digest: stableDigest })
          : t('verbs.will.replacesNothing'),
        ...(verb === 'rollback'
          ? [t('verbs.will.rollbackHold', { environment })]
          : []),
      ];
    }
  }
}
