import { parseDefinition } from '.';
import { abilities, notStarted } from './__testUtils__/abilities';
import { Abilities } from './connectionRules';

const DEFINITION = `apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivery
images: [{ name: app, repository: shop/checkout }]
defaults:
  strategy:
    rolling:
      maxSurge: 12.5%
environments:
  - ref: production
    hooks: [{ job: migrate, at: before }]
    manifests: { kustomize: deploy/production }
    strategy:
      canary:
        steps:
          - weight: 10%
          - route: { headers: [{ name: X-Canary, value: yes-please }] }
          - mirror: 20%
          - weight: 100%
  - ref: staging
`;

function check(connections: Record<string, Abilities>) {
  return parseDefinition(DEFINITION, {
    file: 'delivery.yaml',
    name: 'checkout',
    environments: ['staging', 'production'],
    connections: new Map(Object.entries(connections)),
  });
}

describe('A definition that asks for what its environment cannot do', () => {
  it('is wrong where it says so, also where the defaults do', () => {
    const { model, problems } = check({
      staging: abilities({ leads: true }),
      production: abilities({ weights: false, headers: false, mirror: false }),
    });
    expect(model).toBeUndefined();
    expect(problems).toEqual([
      {
        file: 'delivery.yaml',
        line: 7,
        column: 17,
        path: 'defaults.strategy.rolling.maxSurge',
        expected: 'for the environment "staging", a whole number of percents',
        found: '12.5%',
        hint: 'Write 13%.',
      },
      expect.objectContaining({
        line: 10,
        path: 'environments[0].hooks',
        expected: expect.stringContaining('"production", no hooks'),
        found: '"migrate"',
      }),
      expect.objectContaining({
        line: 11,
        path: 'environments[0].manifests.kustomize',
        expected: expect.stringContaining('given can render (plain)'),
      }),
      expect.objectContaining({
        line: 15,
        column: 21,
        path: 'environments[0].strategy.canary.steps[0].weight',
        expected: expect.stringContaining('0% or 100%'),
        found: '10%',
      }),
      expect.objectContaining({
        line: 16,
        path: 'environments[0].strategy.canary.steps[1].route',
        found: 'a route by x-canary',
      }),
      expect.objectContaining({ line: 17, found: '20%' }),
    ]);
  });

  it('is wrong where it mirrors a share, and the routers there copy all or nothing', () => {
    const { problems } = check({
      staging: abilities(),
      production: abilities({ mirrorShares: false, runsJobs: true }),
    });
    expect(problems).toContainEqual(
      expect.objectContaining({
        line: 17,
        path: 'environments[0].strategy.canary.steps[2].mirror',
        expected: expect.stringContaining('0% or 100%, as given copies all'),
        found: '20%',
      }),
    );
  });

  it('is right where they can', () => {
    const { problems } = check({
      staging: abilities(),
      production: {
        ...abilities({ runsJobs: true }),
        renderers: [{ id: 'kustomize', render: async () => [] }],
      },
    });
    expect(problems).toEqual([]);
  });

  it('is not held against a connection that has not started, or is not there', () => {
    const { model, problems } = check({ production: notStarted() });
    expect(problems).toEqual([]);
    expect(model?.environments).toHaveLength(2);
  });

  it('is refused whole where the controller names no part of it', () => {
    const vague: Abilities = abilities({ leads: true });
    const { problems } = check({
      staging: {
        ...vague,
        delegated: vague.delegated && {
          ...vague.delegated,
          lower: () => ({ cannot: ['it is too fine'] }),
        },
      },
    });
    expect(problems).toEqual([
      expect.objectContaining({
        path: 'defaults.strategy.rolling',
        line: 7,
        found: 'it is too fine',
      }),
    ]);
  });
});
