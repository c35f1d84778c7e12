import { Drift } from '@slipway/backstage-plugin-delivery-common';
import { isNotFound, KubeClient } from '../client';
import { LabelSelector, selects } from '../plan';

/*
 * Which admission may have changed what we wrote. Kubernetes keeps no name: to
 * an object's fields it looks as if we had written them. So all that is in force
 * for the kind, in the namespace, is named. Asked for only once something is
 * found changed, and without the right to it nothing is named.
 */

const API = '/apis/admissionregistration.k8s.io';
/** Long enough for the looks of many targets, too short to name what is gone. */
const ASK_AGAIN_MS = 2_000;
/** Mostly a missing right: it may be given. */
const AFTER_REFUSAL_MS = 60_000;
const ANSWER_LIMIT_MS = 3_000;
const MOST_NAMED = 4;

interface Rule {
  apiGroups?: string[];
  resources?: string[];
  operations?: string[];
}

interface Matching {
  namespaceSelector?: Partial<LabelSelector>;
  objectSelector?: Partial<LabelSelector>;
  resourceRules?: Rule[];
  excludeResourceRules?: Rule[];
}

interface Webhook extends Matching {
  name: string;
  rules?: Rule[];
}

/** One that is in force: each of the matchings must hold. */
interface Admission {
  name: string;
  matchings: Matching[];
}

interface Named {
  metadata: { name: string };
}

/** What is written, and where. */
export interface Written {
  resource: 'deployments' | 'pods';
  labels: Record<string, string>;
  namespace: string;
}

export interface DriftAdmissions {
  /** The same, each with the admissions that may have done it. */
  name(drift: Drift[], written: Written, signal: AbortSignal): Promise<Drift[]>;
}

export function createDriftAdmissions(
  client: Pick<KubeClient, 'raw'>,
  clock: () => number = Date.now,
): DriftAdmissions {
  let known: { untilMs: number; admissions: Admission[] } | undefined;

  async function inForce(signal: AbortSignal): Promise<Admission[]> {
    if (known && clock() < known.untilMs) {
      return known.admissions;
    }
    const [webhooks, policies] = await Promise.all([
      readWebhooks(client, signal),
      readPolicies(client, signal),
    ]);
    known = {
      untilMs: clock() + ASK_AGAIN_MS,
      admissions: [...webhooks, ...policies],
    };
    return known.admissions;
  }

  return {
    async name(drift, written, signal) {
      if (drift.length === 0) {
        return drift;
      }
      const limited = AbortSignal.any([
        signal,
        AbortSignal.timeout(ANSWER_LIMIT_MS),
      ]);
      const [admissions, namespaceLabels] = await Promise.all([
        inForce(limited).catch(() => {
          known = { untilMs: clock() + AFTER_REFUSAL_MS, admissions: [] };
          return known.admissions;
        }),
        readNamespaceLabels(client, written.namespace, limited),
      ]);
      signal.throwIfAborted();
      const names = admissions
        .filter(({ matchings }) =>
          matchings.every(matching =>
            holds(matching, written, namespaceLabels),
          ),
        )
        .map(({ name }) => name)
        .sort();
      return names.length === 0
        ? drift
        : drift.map(drifted => ({ ...drifted, by: describe(names) }));
    },
  };
}

function describe(names: string[]): string {
  const more = names.length - MOST_NAMED;
  return names.length === 1
    ? names[0]
    : `one of ${names.slice(0, MOST_NAMED).join(', ')}${
        more > 0 ? ` and ${more} more` : ''
      }`;
}

async function readWebhooks(
  client: Pick<KubeClient, 'raw'>,
  signal: AbortSignal,
): Promise<Admission[]> {
  const { items = [] } = await client.raw<{
    items?: Array<Named & { webhooks?: Webhook[] }>;
  }>(
    { method: 'GET', path: `${API}/v1/mutatingwebhookconfigurations` },
    signal,
  );
  return items.flatMap(({ metadata, webhooks = [] }) =>
    webhooks.map(({ name, rules, ...selectors }) => ({
      name: `webhook "${name}" (MutatingWebhookConfiguration "${metadata.name}")`,
      matchings: [{ ...selectors, resourceRules: rules }],
    })),
  );
}

/** Policies that are bound; clusters before 1.34 may not serve them. */
async function readPolicies(
  client: Pick<KubeClient, 'raw'>,
  signal: AbortSignal,
): Promise<Admission[]> {
  type Policy = Named & { spec?: { matchConstraints?: Matching } };
  type Binding = Named & {
    spec?: { policyName?: string; matchResources?: Matching };
  };
  const list = async <T>(resource: string): Promise<T[]> => {
    for (const version of ['v1', 'v1beta1']) {
      try {
        const { items = [] } = await client.raw<{ items?: T[] }>(
          { method: 'GET', path: `${API}/${version}/${resource}` },
          signal,
        );
        return items;
      } catch (error) {
        if (!isNotFound(error)) {
          throw error;
        }
      }
    }
    return [];
  };
  const [policies, bindings] = await Promise.all([
    list<Policy>('mutatingadmissionpolicies'),
    list<Binding>('mutatingadmissionpolicybindings'),
  ]);
  return policies.flatMap(({ metadata: { name }, spec }) =>
    bindings
      .filter(binding => binding.spec?.policyName === name)
      .map(binding => ({
        name: `MutatingAdmissionPolicy "${name}"`,
        matchings: [
          spec?.matchConstraints ?? {},
          binding.spec?.matchResources ?? {},
        ],
      })),
  );
}

/** The one label that every namespace has is known without asking. */
async function readNamespaceLabels(
  client: Pick<KubeClient, 'raw'>,
  namespace: string,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const always = { 'kubernetes.io/metadata.name': namespace };
  try {
    const { metadata } = await client.raw<{
      metadata: { labels?: Record<string, string> };
    }>({ method: 'GET', path: `/api/v1/namespaces/${namespace}` }, signal);
    return { ...metadata.labels, ...always };
  } catch {
    return always;
  }
}

function holds(
  matching: Matching,
  written: Written,
  namespaceLabels: Record<string, string>,
): boolean {
  const { resourceRules, excludeResourceRules = [] } = matching;
  return (
    (resourceRules?.some(rule => covers(rule, written)) ?? true) &&
    !excludeResourceRules.some(rule => covers(rule, written)) &&
    isSelected(matching.namespaceSelector, namespaceLabels) &&
    isSelected(matching.objectSelector, written.labels)
  );
}

/** An empty selector selects everything. */
function isSelected(
  selector: Partial<LabelSelector> = {},
  labels: Record<string, string>,
): boolean {
  return selects({ matchLabels: {}, ...selector }, labels);
}

function covers(rule: Rule, { resource }: Written): boolean {
  const group = resource === 'pods' ? '' : 'apps';
  const has = (values: string[] = [], ...wanted: string[]) =>
    values.includes('*') || wanted.some(value => values.includes(value));
  return (
    has(rule.apiGroups, group) &&
    has(rule.resources, resource) &&
    has(rule.operations, 'CREATE', 'UPDATE')
  );
}
