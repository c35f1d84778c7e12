import {
  AnalysisModel,
  BlueGreenModel,
  CanaryModel,
  GenerationRole,
  StepModel,
} from '@slipway/backstage-plugin-delivery-common';
import { RolloutRequest } from './types';

/** What the one interpreter runs. */
export interface Program {
  steps: StepModel[];
  /** Runs beside the steps from the one at `fromIndex` on. */
  background?: { analysis: AnalysisModel; fromIndex: number };
}

const EVERYTHING: StepModel[] = [
  { type: 'scale', replicas: { percent: 100 } },
  { type: 'weight', percent: 100 },
];

/**
 * Lowers a strategy to primitive steps. Every program ends with the candidate
 * at full size, with all the traffic, and a promotion, whatever the
 * definition's last step was.
 *
 * Without a stable generation there is nothing to compare with and nobody to
 * protect: the first deployment goes straight to everything.
 */
export function lower(
  { strategy, delegated }: Pick<RolloutRequest, 'strategy' | 'delegated'>,
  stable: GenerationRole | undefined,
): Program {
  if (!stable) {
    return {
      steps: [
        { type: 'scale', replicas: { percent: 100 } },
        { type: 'promote', scaleDownDelayMs: 0 },
      ],
    };
  }
  if (delegated) {
    // A copy of its own cannot be rolled over: what is in place comes up
    // beside it and takes over.
    return stable.inPlace
      ? {
          steps: [
            { type: 'delegate', ...delegated },
            { type: 'promote', scaleDownDelayMs: 0 },
          ],
        }
      : { steps: [...EVERYTHING, { type: 'promote', scaleDownDelayMs: 0 }] };
  }
  switch (strategy.type) {
    case 'rolling':
      return {
        steps: [
          {
            type: 'roll',
            maxSurge: strategy.maxSurge,
            maxUnavailable: strategy.maxUnavailable,
          },
          { type: 'promote', scaleDownDelayMs: 0 },
        ],
      };
    case 'blueGreen':
      return lowerBlueGreen(strategy);
    default:
      return lowerCanary(strategy);
  }
}

function lowerCanary(strategy: CanaryModel): Program {
  const steps: StepModel[] = [];
  let weight = 0;
  let mirrored = 0;
  let routed = false;
  let fromIndex: number | undefined;
  strategy.steps.forEach((step, index) => {
    if (strategy.background?.startingStep === index) {
      fromIndex = steps.length;
    }
    if (step.type === 'pause' || step.type === 'analysis') {
      steps.push(step);
      return;
    }
    const before = weight + mirrored;
    switch (step.type) {
      case 'weight':
        weight = step.percent;
        break;
      case 'mirror':
        mirrored = step.percent;
        break;
      default:
        routed = step.headers.length > 0;
    }
    const percent = Math.min(100, weight + mirrored);
    const scale: StepModel = {
      type: 'scale',
      // What gets requests by their headers alone has one instance for them.
      replicas: percent === 0 && routed ? { count: 1 } : { percent },
    };
    // Instances before traffic on the way up, traffic before instances on
    // the way down.
    if (step.type === 'route' && (!routed || before > 0)) {
      steps.push(step);
    } else if (weight + mirrored >= before) {
      steps.push(scale, step);
    } else {
      steps.push(step, scale);
    }
  });
  if (weight < 100) {
    steps.push(...EVERYTHING);
  }
  steps.push({
    type: 'promote',
    scaleDownDelayMs: strategy.scaleDownDelayMs,
  });
  return {
    steps,
    ...(strategy.background
      ? {
          background: {
            analysis: strategy.background,
            // A starting step beyond the last one still judges the promotion.
            fromIndex: fromIndex ?? steps.length - 1,
          },
        }
      : {}),
  };
}

function lowerBlueGreen(strategy: BlueGreenModel): Program {
  const { previewReplicas, autoPromoteAfterMs, preAnalysis, postAnalysis } =
    strategy;
  const steps: StepModel[] = [
    {
      type: 'scale',
      replicas:
        previewReplicas === undefined
          ? { percent: 100 }
          : { count: previewReplicas },
    },
  ];
  if (preAnalysis) {
    steps.push({ type: 'analysis', analysis: preAnalysis });
  }
  if (autoPromoteAfterMs === undefined) {
    steps.push({ type: 'pause' });
  } else if (autoPromoteAfterMs > 0) {
    steps.push({ type: 'pause', durationMs: autoPromoteAfterMs });
  }
  if (previewReplicas === undefined) {
    steps.push({ type: 'weight', percent: 100 });
  } else {
    steps.push(...EVERYTHING);
  }
  if (postAnalysis) {
    steps.push({ type: 'analysis', analysis: postAnalysis });
  }
  steps.push({
    type: 'promote',
    scaleDownDelayMs: strategy.scaleDownDelayMs,
  });
  return { steps };
}
