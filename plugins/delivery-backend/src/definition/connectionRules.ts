import {
  DefinitionModel,
  EnvironmentModel,
  StrategyModel,
} from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  StrategyPart,
} from '@slipway/backstage-plugin-delivery-node';
import { Complaint } from './problems';
import { FieldPlace, EnvironmentField } from './versions';

/*
 * What a definition asks for and its environment cannot do. Only declared
 * abilities are looked at: it costs nothing, and no environment is asked or
 * written to. A connection that has not started is not known to be unable; the
 * same is asked again before a deployment starts.
 */

/** What of a connection the rules look at. */
export type Abilities = Pick<
  Connection,
  'type' | 'renderers' | 'traffic' | 'delegated' | 'jobs'
>;

/** Whether a connection can be asked at all: one that has not started throws. */
export function isStarted(
  connection: Abilities | undefined,
): connection is Abilities {
  try {
    return connection !== undefined && connection.renderers.length >= 0;
  } catch (error) {
    if (error instanceof Error && error.name === 'ServiceUnavailableError') {
      return false;
    }
    throw error;
  }
}

/** What of a strategy a connection cannot express, in the definition's words. */
export function inexpressible(
  strategy: StrategyModel,
  { type, traffic, delegated }: Abilities,
): StrategyPart[] {
  if (strategy.type === 'rolling') {
    const lowered = delegated?.lower(strategy);
    if (!delegated || !lowered || 'program' in lowered) {
      return [];
    }
    return (
      lowered.parts ?? [
        {
          path: ['rolling'],
          expected: `what ${delegated.leader} can lead`,
          found: lowered.cannot.join('; '),
        },
      ]
    );
  }
  if (strategy.type === 'blueGreen') {
    return [];
  }
  const can = traffic.capabilities();
  return strategy.steps.flatMap((step, index): StrategyPart[] => {
    const path = ['canary', 'steps', index, step.type];
    if (step.type === 'weight' && !can.weights) {
      const { percent } = step;
      return percent > 0 && percent < 100
        ? [
            {
              path,
              expected: `0% or 100%, as ${type} divides no traffic`,
              found: `${percent}%`,
              hint: 'Use `blueGreen` or `rolling` here.',
            },
          ]
        : [];
    }
    if (step.type === 'route' && !can.headers && step.headers.length > 0) {
      return [
        {
          path,
          expected: `no route by headers, as ${type} cannot tell requests apart`,
          found: `a route by ${step.headers
            .map(({ name }) => name)
            .join(', ')}`,
          hint: 'Use a `weight` here.',
        },
      ];
    }
    if (
      step.type === 'mirror' &&
      can.mirror &&
      can.mirrorShares === false &&
      step.percent > 0 &&
      step.percent < 100
    ) {
      return [
        {
          path,
          expected: `0% or 100%, as ${type} copies all requests or none`,
          found: `${step.percent}%`,
          hint: 'Mirror all of them, or use a `weight` here.',
        },
      ];
    }
    if (step.type === 'mirror' && !can.mirror && step.percent > 0) {
      return [
        {
          path,
          expected: `no mirrored requests, as ${type} cannot copy them`,
          found: `${step.percent}%`,
          hint: 'Use a `weight` here.',
        },
      ];
    }
    return [];
  });
}

/** Complaints about what the environments of a definition cannot do. */
export function checkConnections(
  model: DefinitionModel,
  connections: ReadonlyMap<string, Abilities>,
  placeOf: (ref: string, field: EnvironmentField) => FieldPlace,
): Complaint[] {
  return model.environments.flatMap(environment => {
    const connection = connections.get(environment.ref);
    if (!isStarted(connection)) {
      return [];
    }
    const at = (
      field: EnvironmentField,
      { path, expected, ...rest }: StrategyPart,
    ): Complaint => {
      const place = placeOf(environment.ref, field);
      return {
        ...rest,
        path: place.stated ? [...place.path, ...path] : place.path,
        expected: `for the environment "${environment.ref}", ${expected}`,
      };
    };
    return [
      ...inexpressible(environment.strategy, connection).map(part =>
        at('strategy', part),
      ),
      ...unrendered(environment, connection).map(part => at('manifests', part)),
      ...unrun(environment, connection).map(part => at('hooks', part)),
    ];
  });
}

function unrendered(
  { manifests: { renderer } }: EnvironmentModel,
  { type, renderers }: Abilities,
): StrategyPart[] {
  const known = renderers.map(({ id }) => id);
  return known.includes(renderer)
    ? []
    : [
        {
          path: [renderer],
          expected: `manifests that ${type} can render (${known.join(', ')})`,
          found: `"${renderer}"`,
        },
      ];
}

function unrun(
  { hooks = [] }: EnvironmentModel,
  { type, jobs }: Abilities,
): StrategyPart[] {
  return hooks.length === 0 || jobs
    ? []
    : [
        {
          path: [],
          expected: `no hooks, as ${type} runs no jobs`,
          found: hooks.map(({ job }) => `"${job}"`).join(', '),
          hint: 'Give this environment `hooks: []`.',
        },
      ];
}
