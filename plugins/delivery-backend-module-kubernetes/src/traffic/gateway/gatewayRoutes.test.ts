import fc from 'fast-check';
import {
  TrafficRoute,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { KubeObject } from '../../client';
import { gatewayApi } from './gatewayApi';
import { marks } from '../marks';
import { Backends } from '../router';

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
  generations: () => ['g1', 'g2'],
};

interface Match {
  path?: { type: string; value: string };
  headers?: Array<{ type: string; name: string; value: string }>;
}
interface Rule {
  name?: string;
  matches?: Match[];
  filters?: Array<{ type: string; requestMirror?: Record<string, unknown> }>;
  backendRefs?: Array<{ name: string; port?: number; weight?: number }>;
}

function route(rules: Rule[], kind = 'HTTPRoute'): KubeObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: { name: 'shop', namespace: 'team', generation: 1 },
    spec: { rules },
  };
}

/** The route after shares and routes were written to it. */
function asked(
  object: KubeObject,
  shares: TrafficShare[],
  routes: TrafficRoute[],
): KubeObject {
  const { spec, annotations } = gatewayApi.trafficPart(
    object,
    shares,
    routes,
    backends,
  );
  return {
    ...object,
    metadata: {
      ...object.metadata,
      annotations: {
        ...marks({ epoch: 1, revision: 1 }, shares, routes),
        ...annotations,
      },
    },
    spec,
  };
}

const rulesOf = ({ spec }: KubeObject) => (spec as { rules: Rule[] }).rules;

const matchesPath = ({ path }: Match, asks: string) =>
  !path ||
  (path.type === 'Exact'
    ? path.value === asks
    : path.value === '/' ||
      asks === path.value ||
      asks.startsWith(`${path.value}/`));

/** The rule that a gateway takes, by the precedence of the specification. */
function taken(
  object: KubeObject,
  request: { path: string; headers: Record<string, string> },
): Rule | undefined {
  const found = rulesOf(object).flatMap((rule, index) =>
    (rule.matches ?? [{}])
      .filter(
        match =>
          matchesPath(match, request.path) &&
          (match.headers ?? []).every(
            ({ name, value }) => request.headers[name] === value,
          ),
      )
      .map(match => ({
        rule,
        rank: [
          match.path?.type === 'Exact' ? 1 : 0,
          match.path?.value.length ?? 1,
          match.headers?.length ?? 0,
          -index,
        ],
      })),
  );
  found.sort((a, b) => {
    const at = a.rank.findIndex((value, place) => value !== b.rank[place]);
    return at < 0 ? 0 : b.rank[at] - a.rank[at];
  });
  return found[0]?.rule;
}

/** The backends as they are, or the names of those that are the target's. */
function namesIn(refs: NonNullable<Rule['backendRefs']>, ours = false) {
  return ours
    ? refs.map(({ name }) => name).filter(name => name.startsWith('shop'))
    : refs;
}

const HEADERS: TrafficRoute = {
  type: 'headers',
  generation: 'g2',
  headers: [{ name: 'x-canary', value: 'always' }],
};
const mirror = (percent: number): TrafficRoute => ({
  type: 'mirror',
  generation: 'g2',
  percent,
});

const match: fc.Arbitrary<Match> = fc.record(
  {
    path: fc.record({
      type: fc.constantFrom('PathPrefix', 'Exact'),
      value: fc.constantFrom('/', '/a', '/a/b'),
    }),
    headers: fc.constantFrom<NonNullable<Match['headers']>>(
      [{ type: 'Exact', name: 'x-team', value: 'shop' }],
      [
        { type: 'Exact', name: 'x-team', value: 'shop' },
        { type: 'Exact', name: 'x-canary', value: 'never' },
      ],
    ),
  },
  { requiredKeys: ['path'] },
);
const rule: fc.Arbitrary<Rule> = fc.record(
  {
    matches: fc.array(match, { minLength: 1, maxLength: 2 }),
    filters: fc.constantFrom<NonNullable<Rule['filters']>>(
      [{ type: 'RequestHeaderModifier' }],
      [
        {
          type: 'RequestMirror',
          requestMirror: { backendRef: { name: 'audit' } },
        },
      ],
    ),
    backendRefs: fc.constantFrom<NonNullable<Rule['backendRefs']>>(
      [{ name: 'shop', port: 80, weight: 1 }],
      [{ name: 'legacy', port: 80, weight: 1 }],
      [
        { name: 'shop', port: 80, weight: 3 },
        { name: 'legacy', port: 80, weight: 1 },
      ],
    ),
  },
  { requiredKeys: ['matches', 'backendRefs'] },
);
const split = fc.constantFrom(0, 10, 50, 100).map(percent =>
  [
    { generation: 'g1', percent: 100 - percent },
    { generation: 'g2', percent },
  ].filter(share => share.percent > 0),
);
const beside = fc.subarray<TrafficRoute>([HEADERS, mirror(20)]);
const request = fc.record({
  path: fc.constantFrom('/', '/a', '/a/b', '/c'),
  headers: fc.record(
    {
      'x-team': fc.constant('shop'),
      'x-canary': fc.constantFrom('always', 'never'),
    },
    { requiredKeys: [] },
  ),
});

describe('Requests beside the weights of a Gateway API route', () => {
  it('go to the candidate exactly where the headers are and the Plan sends to the service; all others go as by weights alone', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(split, beside), { minLength: 1, maxLength: 4 }),
        request,
        (rules, steps, asks) => {
          let current = route(rules);
          for (const [shares, routes] of steps) {
            current = asked(current, shares, routes);
            const told = gatewayApi.routes(current, backends);
            const plan = taken(asked(route(rules), shares, []), asks);
            const { backendRefs = [], filters = [] } =
              taken(current, asks) ?? {};
            const copies = filters.filter(({ requestMirror = {} }) =>
              JSON.stringify(requestMirror).includes('-g2'),
            ).length;
            const isOurs = plan?.backendRefs?.some(({ name }) =>
              name.startsWith('shop'),
            );
            const byHeaders =
              isOurs &&
              routes.includes(HEADERS) &&
              asks.headers['x-canary'] === 'always';
            const isCopied =
              isOurs && !byHeaders && routes.some(one => one !== HEADERS);
            expect({ copies, to: namesIn(backendRefs, byHeaders) }).toEqual({
              copies: isCopied ? 1 : 0,
              to: byHeaders ? ['shop-g2'] : plan?.backendRefs ?? [],
            });
            // What is read is what was written, where there is a rule for it.
            for (const one of told) {
              expect(routes).toContainEqual(one);
            }
            expect(gatewayApi.splits(current, backends)).toEqual(
              gatewayApi.splits(asked(route(rules), shares, []), backends),
            );
          }
          // Without them the route is as if they had never been there.
          const [last] = steps[steps.length - 1];
          expect(rulesOf(asked(current, last, []))).toEqual(
            rulesOf(asked(route(rules), last, [])),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('are seen to be gone when somebody took them out, and seen for what they are when somebody changed them', () => {
    const shares = [{ generation: 'g1', percent: 100 }];
    const plain = route([{ backendRefs: [{ name: 'shop', port: 80 }] }]);
    const both = asked(plain, shares, [HEADERS, mirror(20)]);
    expect(gatewayApi.routes(both, backends)).toEqual([HEADERS, mirror(20)]);
    const [added, rest] = rulesOf(both);
    const edited = (rules: Rule[]) =>
      gatewayApi.routes({ ...both, spec: { rules } }, backends);
    expect(edited([rest])).toEqual([mirror(20)]);
    expect(edited([{ ...added, matches: [] }, rest])).toEqual([mirror(20)]);
    expect(edited([added, { ...rest, filters: [] }])).toEqual([HEADERS]);
    expect(
      edited([
        added,
        {
          ...rest,
          filters: [
            {
              type: 'RequestMirror',
              requestMirror: { backendRef: { name: 'shop-g2' } },
            },
          ],
        },
      ]),
    ).toEqual([HEADERS, mirror(100)]);
  });

  it('are written as the API server gives them back: whole shares, parts of a percent, and all', () => {
    const filterOf = (percent: number) =>
      rulesOf(
        asked(
          route([{ backendRefs: [{ name: 'shop', port: 80 }] }]),
          [{ generation: 'g1', percent: 100 }],
          [mirror(percent)],
        ),
      )[0].filters;
    const backendRef = {
      group: '',
      kind: 'Service',
      name: 'shop-g2',
      port: 80,
    };
    const type = 'RequestMirror';
    expect(filterOf(20)).toEqual([
      { type, requestMirror: { backendRef, percent: 20 } },
    ]);
    expect(filterOf(100)).toEqual([{ type, requestMirror: { backendRef } }]);
    expect(filterOf(12.5)).toEqual([
      {
        type,
        requestMirror: {
          backendRef,
          fraction: { numerator: 12_500, denominator: 100_000 },
        },
      },
    ]);
  });

  it('of gRPC are matched by metadata, beside the method', () => {
    const [added] = rulesOf(
      asked(
        route(
          [
            {
              matches: [{ method: { service: 'shop.Cart' } } as Match],
              backendRefs: [{ name: 'grpc', port: 90 }],
            },
          ],
          'GRPCRoute',
        ),
        [{ generation: 'g1', percent: 100 }],
        [HEADERS],
      ),
    );
    expect(added).toEqual({
      matches: [
        {
          method: { service: 'shop.Cart' },
          headers: [{ type: 'Exact', name: 'x-canary', value: 'always' }],
        },
      ],
      backendRefs: [{ name: 'grpc-g2', port: 90, weight: 100 }],
    });
  });
});
