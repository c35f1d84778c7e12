import {
  HeaderMatch,
  TrafficRoute,
} from '@slipway/backstage-plugin-delivery-common';

/*
 * What stands in rules of Gateway API routes beside weights.
 *
 * Requests by their headers: for a rule of the Plan, a rule in front of all
 * with the same matches and the headers in each. It wins over its own because
 * more headers are more specific
 * (https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule).
 *
 * Copies: a filter `RequestMirror` on each rule of the Plan.
 *
 * Everything is written as the API server would default it, so that what is
 * read can be compared with what was written.
 */

/** As far as it is looked at here. */
export interface Rule {
  name?: string;
  matches?: Match[];
  filters?: Filter[];
  [field: string]: unknown;
}

interface Match {
  headers?: Array<{ type?: string; name: string; value: string }>;
  [field: string]: unknown;
}

interface Filter {
  type: string;
  requestMirror?: {
    backendRef: { name: string; namespace?: string; port?: number };
    percent?: number;
    fraction?: { numerator: number; denominator?: number };
  };
  [field: string]: unknown;
}

export type HeaderRoute = Extract<TrafficRoute, { type: 'headers' }>;
export type MirrorRoute = Extract<TrafficRoute, { type: 'mirror' }>;

export function headersOf(routes: TrafficRoute[]): HeaderRoute | undefined {
  return routes.find(route => route.type === 'headers');
}

export function mirrorOf(routes: TrafficRoute[]): MirrorRoute | undefined {
  return routes.find(route => route.type === 'mirror');
}

/**
 * The rule's matches with the headers in each; none when no request can match
 * both: the rule asks for another value of one of them.
 */
export function matchesWith(
  { matches = [] }: Rule,
  kind: string,
  wanted: HeaderMatch[],
): Match[] {
  const all: Match[] =
    kind === 'HTTPRoute'
      ? [{ path: { type: 'PathPrefix', value: '/' } }]
      : [{}];
  return (matches.length > 0 ? matches : all).flatMap(match => {
    const { headers = [] } = match;
    const has = ({ name }: HeaderMatch) =>
      headers.find(header => header.name.toLowerCase() === name);
    const contradicts = wanted.some(header => {
      const there = has(header);
      return there && (!isExact(there) || there.value !== header.value);
    });
    const missing = wanted.filter(header => !has(header));
    return contradicts
      ? []
      : [
          {
            ...match,
            headers: [
              ...headers,
              ...missing.map(header => ({ type: 'Exact', ...header })),
            ],
          },
        ];
  });
}

function isExact({ type = 'Exact' }: { type?: string }): boolean {
  return type === 'Exact';
}

/** Whether each match of a rule asks for all of the headers. */
export function asksFor({ matches = [] }: Rule, wanted: HeaderMatch[]) {
  return (
    matches.length > 0 &&
    matches.every(({ headers = [] }) =>
      wanted.every(({ name, value }) =>
        headers.some(
          header =>
            isExact(header) &&
            header.name.toLowerCase() === name &&
            header.value === value,
        ),
      ),
    )
  );
}

/** Parts of a percent need a fraction. */
const PARTS = 1_000;

/** Copies of a share of the requests to a Service of the same namespace. */
export function mirrorFilter(
  service: string,
  port: number | undefined,
  percent: number,
): Filter {
  return {
    type: 'RequestMirror',
    requestMirror: {
      backendRef: {
        group: '',
        kind: 'Service',
        name: service,
        ...(port !== undefined && { port }),
      } as { name: string; port?: number },
      ...shareOf(percent),
    },
  };
}

function shareOf(percent: number) {
  if (percent >= 100) {
    return {};
  }
  return Number.isInteger(percent)
    ? { percent }
    : {
        fraction: {
          numerator: Math.round(percent * PARTS),
          denominator: 100 * PARTS,
        },
      };
}

/** Where a filter copies requests to, and how many of a hundred. */
export function mirrored({
  type,
  requestMirror,
}: Filter): { service: string; percent: number } | undefined {
  if (type !== 'RequestMirror' || !requestMirror) {
    return undefined;
  }
  const { backendRef, percent, fraction } = requestMirror;
  return {
    service: backendRef.name,
    percent: fraction
      ? (100 * fraction.numerator) / (fraction.denominator ?? 100)
      : percent ?? 100,
  };
}

/** The rule with these filters; without any it has no such field. */
export function withFilters<R extends Rule>(rule: R, filters: Filter[]): R {
  const { filters: _, ...rest } = rule;
  return filters.length > 0 ? { ...rule, filters } : (rest as R);
}
