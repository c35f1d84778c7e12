import fc from 'fast-check';
import { TrafficShare } from '@slipway/backstage-plugin-delivery-common';
import { KubeObject } from '../../client';
import { gatewayApi } from './gatewayApi';
import { Backends } from '../router';
import { toShares } from '../weights';

const GENERATIONS = ['g1', 'g2', 'g3'];
const COPY = /^(shop|grpc)-(g\d)$/;

const backends: Backends = {
  of(name) {
    const [, main, generation] = COPY.exec(name) ?? [];
    if (main) {
      return { main, generation };
    }
    return ['shop', 'grpc'].includes(name) ? { main: name } : undefined;
  },
  name: (main, generation) => `${main}-${generation}`,
  generations: () => GENERATIONS,
};

interface Ref {
  name: string;
  weight?: number;
  port?: number;
  namespace?: string;
  filters?: unknown[];
}
interface Rule {
  backendRefs?: Ref[];
  [field: string]: unknown;
}

function route(rules: Rule[], more: Partial<KubeObject> = {}): KubeObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'shop', namespace: 'team', generation: 3 },
    spec: { parentRefs: [{ name: 'gw', namespace: 'infra' }], rules },
    ...more,
  };
}

function written(object: KubeObject, shares: TrafficShare[]): Rule[] {
  const { spec } = gatewayApi.trafficPart(object, shares, [], backends);
  return (spec as { rules: Rule[] }).rules;
}

const shares = fc
  .uniqueArray(fc.constantFrom(...GENERATIONS), { minLength: 1 })
  .chain(generations =>
    fc
      .array(fc.integer({ min: 1, max: 100 }), {
        minLength: generations.length,
        maxLength: generations.length,
      })
      .map(parts => {
        const sum = parts.reduce((all, part) => all + part, 0);
        const percents = parts.map(part => Math.floor((part * 100) / sum));
        percents[0] += 100 - percents.reduce((all, part) => all + part, 0);
        return generations.map((generation, index) => ({
          generation,
          percent: percents[index],
        }));
      }),
  );
const ref = fc.record(
  {
    name: fc.constantFrom('shop', 'grpc', 'legacy'),
    port: fc.constantFrom(80, 8080),
    weight: fc.integer({ min: 1, max: 1_000 }),
  },
  { requiredKeys: ['name', 'port'] },
);
const rule = fc
  .uniqueArray(ref, { minLength: 1, selector: ({ name }) => name })
  .map(
    (backendRefs): Rule => ({
      matches: [{ path: { type: 'PathPrefix', value: '/' } }],
      backendRefs,
    }),
  );

const weightOf = (refs: Ref[], of: (name: string) => boolean) =>
  refs
    .filter(({ name }) => of(name))
    .reduce((sum, { weight = 1 }) => sum + weight, 0);

describe('Routes of the Gateway API', () => {
  it('give each generation its share of what the rule gave the Service, whatever stood there before', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 4 }),
        fc.array(shares, { minLength: 1, maxLength: 4 }),
        (rules, steps) => {
          let current = route(rules);
          for (const step of steps) {
            current = route(written(current, step));
          }
          const last = steps[steps.length - 1];
          const result = written(current, last);
          expect(result).toHaveLength(rules.length);
          for (const [index, before] of rules.entries()) {
            const refs = result[index].backendRefs ?? [];
            const all = weightOf(refs, () => true);
            const allBefore = weightOf(before.backendRefs ?? [], () => true);
            for (const name of ['shop', 'grpc', 'legacy']) {
              // Services keep their proportions to one another...
              expect(
                weightOf(
                  refs,
                  other => (backends.of(other)?.main ?? other) === name,
                ) / all,
              ).toBeCloseTo(
                weightOf(before.backendRefs ?? [], other => other === name) /
                  allBefore,
                2,
              );
            }
            for (const split of gatewayApi.splits(current, backends)) {
              // ... and within one it is as was asked for.
              for (const { generation, percent } of toShares(
                split.weights.flatMap(share =>
                  share.generation
                    ? [{ generation: share.generation, weight: share.weight }]
                    : [],
                ),
              )) {
                const asked = last.find(
                  share => share.generation === generation,
                )?.percent;
                expect(Math.abs(percent - (asked ?? 0))).toBeLessThanOrEqual(1);
              }
            }
            expect(result[index].matches).toEqual(before.matches);
          }
        },
      ),
    );
  });

  it('keep backends without a share at weight 0, so that data planes know them', () => {
    const [{ backendRefs }] = written(
      route([{ backendRefs: [{ name: 'shop', port: 80 }] }]),
      [{ generation: 'g1', percent: 100 }],
    );
    expect(backendRefs).toEqual([
      { name: 'shop-g1', port: 80, weight: 100 },
      { name: 'shop-g2', port: 80, weight: 0 },
      { name: 'shop-g3', port: 80, weight: 0 },
    ]);
  });

  it('send to the main Service while nobody has a share', () => {
    const before = route(
      written(route([{ backendRefs: [{ name: 'shop', port: 80 }] }]), [
        { generation: 'g1', percent: 100 },
      ]),
    );
    expect(written(before, [])[0].backendRefs?.[0]).toEqual({
      name: 'shop',
      port: 80,
      weight: 100,
    });
  });

  it('leave alone what is not the target’s: redirects, other Services, other namespaces', () => {
    const rules: Rule[] = [
      { filters: [{ type: 'RequestRedirect' }] },
      { backendRefs: [{ name: 'legacy', port: 80 }] },
      { backendRefs: [{ name: 'shop', namespace: 'other', port: 80 }] },
    ];
    expect(written(route(rules), [{ generation: 'g1', percent: 100 }])).toEqual(
      rules,
    );
    expect(gatewayApi.splits(route(rules), backends)).toEqual([]);
  });

  it('divide to a hundredth of a percent where that is asked for', () => {
    const [{ backendRefs }] = written(
      route([{ backendRefs: [{ name: 'shop', port: 80 }] }]),
      [
        { generation: 'g1', percent: 99.75 },
        { generation: 'g2', percent: 0.25 },
      ],
    );
    expect(backendRefs?.map(({ weight }) => weight)).toEqual([99_750, 250, 0]);
  });

  describe('are accepted', () => {
    const parent = { name: 'gw', namespace: 'infra' };
    const condition = (
      type: string,
      status = 'True',
      observedGeneration = 3,
    ) => ({
      type,
      status,
      observedGeneration,
      reason: 'Because',
      message: 'of this',
    });
    const statusOf = (
      conditions: object[],
      parentRefs: object[] = [parent],
      at: object = parent,
    ) =>
      gatewayApi.status(
        route([], {
          spec: { parentRefs, rules: [] },
          status: {
            parents: [{ parentRef: at, controllerName: 'c', conditions }],
          },
        }),
      );
    const both = [condition('Accepted'), condition('ResolvedRefs')];

    it('only when every parent says so of what was written last', () => {
      expect(statusOf(both)).toEqual({ type: 'accepted' });
      expect(
        statusOf([condition('Accepted', 'True', 2), condition('ResolvedRefs')]),
      ).toMatchObject({
        type: 'pending',
        detail: expect.stringMatching(/^c /),
      });
      expect(statusOf([condition('Accepted')])).toMatchObject({
        type: 'pending',
      });
      expect(statusOf(both, [parent, { name: 'second' }])).toMatchObject({
        type: 'pending',
        detail: expect.stringContaining('Gateway team/second'),
      });
      expect(
        statusOf(both, [{ ...parent, sectionName: 'https' }]),
      ).toMatchObject({ type: 'pending' });
      expect(statusOf(both, [])).toMatchObject({ type: 'pending' });
    });

    it('not when one of them refuses, and then it says why', () => {
      expect(
        statusOf([condition('Accepted'), condition('ResolvedRefs', 'False')]),
      ).toEqual({
        type: 'refused',
        reason: 'Because',
        detail:
          'Gateway infra/gw says of HTTPRoute shop: ResolvedRefs is False, Because: of this',
      });
    });
  });
});
