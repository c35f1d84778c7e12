import {
  Amount,
  StrategyModel,
} from '@slipway/backstage-plugin-delivery-common';
import {
  DelegatedRollout,
  StrategyPart,
} from '@slipway/backstage-plugin-delivery-node';

/** The API server keeps both in 32 bits. */
const MOST_INSTANCES = 2 ** 31 - 1;

/**
 * A strategy as the fields of a Deployment, or what of it these cannot say.
 * Nothing is rounded to what they can: the definition would say something else
 * than what happens.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment
 */
export function lowerStrategy(
  strategy: StrategyModel,
): ReturnType<DelegatedRollout['lower']> {
  if (strategy.type !== 'rolling') {
    return cannot([
      {
        path: [strategy.type],
        expected:
          'the strategy "rolling", as a Deployment replaces its pods batch by batch and divides no traffic',
        found: `"${strategy.type}"`,
      },
    ]);
  }
  const { maxSurge, maxUnavailable } = strategy;
  const parts = [
    ...partsOf('maxSurge', maxSurge),
    ...partsOf('maxUnavailable', maxUnavailable),
  ];
  if ('percent' in maxUnavailable && maxUnavailable.percent > 100) {
    parts.push({
      path: ['rolling', 'maxUnavailable'],
      expected: 'at most 100%, as Kubernetes takes no more',
      found: textOf(maxUnavailable),
    });
  }
  if (isNothing(maxSurge) && isNothing(maxUnavailable)) {
    parts.push({
      path: ['rolling'],
      expected: 'maxSurge or maxUnavailable above 0',
      found: 'both 0: then no pod could ever be replaced',
    });
  }
  return parts.length > 0
    ? cannot(parts)
    : {
        program: {
          rollingUpdate: {
            maxSurge: intOrPercent(maxSurge),
            maxUnavailable: intOrPercent(maxUnavailable),
          },
        },
      };
}

function cannot(parts: StrategyPart[]): ReturnType<DelegatedRollout['lower']> {
  return {
    cannot: parts.map(
      ({ path, expected, found }) =>
        `${path.join('.')}: expected ${expected}, found ${found}`,
    ),
    parts,
  };
}

function partsOf(
  field: 'maxSurge' | 'maxUnavailable',
  amount: Amount,
): StrategyPart[] {
  const path = ['rolling', field];
  if ('count' in amount) {
    return amount.count > MOST_INSTANCES
      ? [
          {
            path,
            expected: `at most ${MOST_INSTANCES} instances, as Kubernetes counts no further`,
            found: textOf(amount),
          },
        ]
      : [];
  }
  if (Number.isInteger(amount.percent)) {
    return [];
  }
  return [
    {
      path,
      expected:
        'a whole number of percents, as Kubernetes knows no parts of one',
      found: textOf(amount),
      hint: `Write ${Math.max(
        1,
        Math.round(amount.percent),
      )}%, or a number of instances.`,
    },
  ];
}

function isNothing(amount: Amount): boolean {
  return ('count' in amount ? amount.count : amount.percent) === 0;
}

function textOf(amount: Amount): string {
  return 'count' in amount ? `${amount.count}` : `${amount.percent}%`;
}

function intOrPercent(amount: Amount): number | string {
  return 'count' in amount ? amount.count : `${amount.percent}%`;
}
