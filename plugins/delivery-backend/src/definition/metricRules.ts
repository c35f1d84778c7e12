import {
  KNOWN_METRICS,
  KnownMetric,
  METRIC_NAME_PATTERN,
  readThreshold,
  THRESHOLD_FORMS,
} from '@slipway/backstage-plugin-delivery-common';
import { Complaint, describeValue, didYouMean } from './problems';
import { Path } from './yamlText';

/*
 * Which metrics there are beside the known ones is the platform's: the schema
 * takes any name, and here it has to be one that is measured.
 */

/** Complaints about metrics that nobody measures, and thresholds of another unit. */
export function checkMetrics(
  document: unknown,
  known: readonly KnownMetric[],
): Complaint[] {
  return metricsOf(document, []).flatMap(({ path, entry }) => {
    const name = field(entry, 'name');
    if (typeof name !== 'string' || !METRIC_NAME_PATTERN.test(name)) {
      return [];
    }
    const metric = known.find(candidate => candidate.name === name);
    if (!metric) {
      const names = known.map(candidate => candidate.name);
      return [
        {
          path: [...path, 'name'],
          expected: `one of the metrics ${names.join(', ')}`,
          found: describeValue(name),
          hint: didYouMean(name, names),
        },
      ];
    }
    // Those that everybody knows are the schema's to check.
    return KNOWN_METRICS.some(candidate => candidate.name === name)
      ? []
      : wrongThresholds(metric, entry, path);
  });
}

function wrongThresholds(
  { name, unit }: KnownMetric,
  entry: unknown,
  path: Path,
): Complaint[] {
  return ['min', 'max'].flatMap(side => {
    const value = field(entry, side);
    const isText = typeof value === 'string' || typeof value === 'number';
    return isText && readThreshold(value, unit) === undefined
      ? [
          {
            path: [...path, side],
            expected: `for ${name}, ${THRESHOLD_FORMS[unit]}`,
            found: describeValue(value),
          },
        ]
      : [];
  });
}

/** Every entry of every list that is called `metrics`, wherever it stands. */
function metricsOf(
  value: unknown,
  path: Path,
  seen = new Set<unknown>(),
): Array<{ path: Path; entry: unknown }> {
  // What aliases repeat is said once.
  if (typeof value !== 'object' || value === null || seen.has(value)) {
    return [];
  }
  seen.add(value);
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    return key === 'metrics' && Array.isArray(inner)
      ? inner.map((entry: unknown, index) => ({ path: [...at, index], entry }))
      : metricsOf(inner, at, seen);
  });
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Reflect.get(value, key)
    : undefined;
}
