import { MetricQuery } from '@slipway/backstage-plugin-delivery-node';
import { escapePattern, QueryValues } from './template';

/** Placeholders for label values. */
export const LABELS = [
  'namespace',
  'service',
  'mainService',
  'workload',
  'generation',
  'environment',
  'component',
] as const;

/** Placeholders for regular expressions. */
export const PATTERNS = ['pods', 'envoyClusters', 'services'] as const;

/**
 * What stands for a generation where it is measured. A world that has
 * namespaces and Services of its own names them (`query.labels`); elsewhere the
 * generation's name stands for all.
 */
export function valuesOf(query: MetricQuery): QueryValues {
  const { target, generation, fromMs, toMs, labels = {} } = query;
  const component = target.service.split('/').pop() ?? target.service;
  const namespace = labels.namespace ?? target.environment;
  const service = labels.service ?? generation;
  const workload = labels.workload ?? service;
  return {
    windowMs: toMs - fromMs,
    labels: {
      namespace,
      service,
      mainService: labels.mainService ?? component,
      workload,
      generation,
      environment: target.environment,
      component,
    },
    patterns: {
      // A Deployment's pods: its name, its ReplicaSet's hash, and their own.
      pods: `${escapePattern(workload)}-[a-z0-9]+-[a-z0-9]+`,
      envoyClusters: `${escapePattern(namespace)}_${escapePattern(
        service,
      )}_[0-9]+`,
      services: `${escapePattern(service)}(\\.${escapePattern(
        namespace,
      )}(\\..*)?)?`,
    },
  };
}
