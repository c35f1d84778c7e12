import { ServiceUnavailableError } from '@backstage/errors';
import { plainRenderer } from '@slipway/backstage-plugin-delivery-node';
import { Abilities } from '../connectionRules';

const notAsked = async (): Promise<never> => {
  throw new Error('A definition is checked without asking the world');
};

/** A connection of which only what it can do is there. */
export function abilities(
  can: {
    weights?: boolean;
    headers?: boolean;
    mirror?: boolean;
    mirrorShares?: boolean;
    /** Leads rolling deployments, and only with whole percents. */
    leads?: boolean;
    runsJobs?: boolean;
  } = {},
): Abilities {
  const { weights = true, headers = true, mirror = true } = can;
  const { mirrorShares } = can;
  return {
    type: 'given',
    renderers: [plainRenderer],
    traffic: {
      fencing: 'idempotent',
      capabilities: () => ({
        weights,
        headers,
        mirror,
        mirrorShares,
        measures: false,
      }),
      request: notAsked,
      observe: notAsked,
    },
    ...(can.leads && {
      delegated: {
        leader: 'The given one',
        lower: strategy =>
          strategy.type === 'rolling' &&
          'percent' in strategy.maxSurge &&
          !Number.isInteger(strategy.maxSurge.percent)
            ? {
                cannot: ['parts of a percent'],
                parts: [
                  {
                    path: ['rolling', 'maxSurge'],
                    expected: 'a whole number of percents',
                    found: `${strategy.maxSurge.percent}%`,
                    hint: 'Write 13%.',
                  },
                ],
              }
            : { program: {} },
        start: notAsked,
        observe: notAsked,
      },
    }),
    ...(can.runsJobs && {
      jobs: {
        fencing: 'idempotent',
        inspect: notAsked,
        start: notAsked,
        observe: notAsked,
        stop: notAsked,
      },
    }),
  };
}

/** What a connection that has not started looks like. */
export function notStarted(): Abilities {
  const unavailable = () => {
    throw new ServiceUnavailableError('it has not started');
  };
  return {
    ...abilities({ weights: false, headers: false, mirror: false }),
    get renderers() {
      return unavailable();
    },
    get jobs() {
      return unavailable();
    },
  };
}
