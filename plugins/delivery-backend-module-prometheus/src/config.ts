import { Config } from '@backstage/config';
import { InputError } from '@backstage/errors';
import {
  KNOWN_METRICS,
  parseDuration,
} from '@slipway/backstage-plugin-delivery-common';
import { builtinMetrics, MetricSource, SourceName } from './sources';

const KEY = 'delivery.prometheus';
const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const SOURCES: SourceName[] = ['envoy', 'istio', 'http', 'none'];
const UNITS = ['ratio', 'milliseconds', 'count'] as const;
const DEFAULT_SCRAPE_INTERVAL_MS = 15_000;
/** Ours to set, or no request's to choose. */
const RESERVED_HEADERS = /^(host|content-.*|transfer-encoding|connection)$/i;

export interface PrometheusConfig {
  name: string;
  url: URL;
  environments: string[];
  headers: Record<string, string>;
  scrapeIntervalMs: number;
  metrics: MetricSource[];
  placeOf: (metric: MetricSource) => string;
}

/** Errors: `InputError` that names the key and what was expected there. */
export function readPrometheusConfig(config: Config): PrometheusConfig[] {
  const entries = config.getOptionalConfigArray(KEY) ?? [];
  return entries.map((entry, index) => readOne(entry, `${KEY}[${index}]`));
}

function readOne(entry: Config, place: string): PrometheusConfig {
  const custom = (entry.getOptionalConfigArray('metrics') ?? []).map(
    (metric, index) => readMetric(metric, `${place}.metrics[${index}]`),
  );
  const builtin = builtinMetrics(
    readChoice(entry, 'source', SOURCES, place) ?? 'envoy',
  );
  const names = custom.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice) {
    throw new InputError(`${place}.metrics: "${twice}" is defined twice`);
  }
  return {
    name: entry.getString('name'),
    url: readUrl(entry.getString('url'), `${place}.url`),
    environments: entry.getStringArray('environments'),
    headers: readHeaders(entry, place),
    scrapeIntervalMs: readScrapeInterval(entry, place),
    // The platform may say better how a known metric is measured here.
    metrics: [
      ...builtin.filter(({ name }) => !names.includes(name)),
      ...custom,
    ],
    placeOf: ({ name }) =>
      names.includes(name)
        ? `${place}.metrics[${names.indexOf(name)}]`
        : `${place}.source`,
  };
}

function readUrl(text: string, place: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new InputError(
      `${place}: expected an http or https URL, found "${text}"`,
    );
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new InputError(
      `${place}: expected an address without credentials, query or fragment; credentials belong into auth`,
    );
  }
  return url;
}

function readHeaders(entry: Config, place: string): Record<string, string> {
  const headers: Record<string, string> = {};
  const given = entry.getOptionalConfig('headers');
  for (const name of given?.keys() ?? []) {
    if (RESERVED_HEADERS.test(name) || !/^[A-Za-z0-9-]+$/.test(name)) {
      throw new InputError(`${place}.headers: "${name}" cannot be set`);
    }
    headers[name] = given?.getString(name) ?? '';
  }
  const token = entry.getOptionalString('auth.token');
  const basic = entry.getOptionalConfig('auth.basic');
  if (token && basic) {
    throw new InputError(
      `${place}.auth: expected token or basic, found both of them`,
    );
  }
  if (token) {
    headers.Authorization = `Bearer ${token}`;
  }
  if (basic) {
    const credentials = `${basic.getString('username')}:${basic.getString(
      'password',
    )}`;
    headers.Authorization = `Basic ${Buffer.from(credentials).toString(
      'base64',
    )}`;
  }
  return headers;
}

function readScrapeInterval(entry: Config, place: string): number {
  const text = entry.getOptionalString('scrapeInterval');
  if (text === undefined) {
    return DEFAULT_SCRAPE_INTERVAL_MS;
  }
  const durationMs = parseDuration(text);
  if (!durationMs) {
    throw new InputError(
      `${place}.scrapeInterval: expected a duration such as 15s, found "${text}"`,
    );
  }
  return durationMs;
}

function readMetric(metric: Config, place: string): MetricSource {
  const name = metric.getString('name');
  if (!NAME.test(name)) {
    throw new InputError(
      `${place}.name: expected lower case letters, digits and "-", found "${name}"`,
    );
  }
  const unit = readChoice(metric, 'unit', UNITS, place);
  if (!unit) {
    throw new InputError(
      `${place}.unit: expected one of ${UNITS.join(', ')}, found nothing`,
    );
  }
  const known = KNOWN_METRICS.find(candidate => candidate.name === name);
  if (known && known.unit !== unit) {
    throw new InputError(
      `${place}.unit: "${name}" is known to everybody as ${known.unit}, found ${unit}`,
    );
  }
  const samples = metric.getOptionalString('samples');
  return {
    name,
    unit,
    description: metric.getString('description'),
    minSamples: metric.getOptionalNumber('minSamples') ?? 1,
    query: metric.getString('query'),
    ...(samples && { samples }),
  };
}

function readChoice<T extends string>(
  config: Config,
  key: string,
  choices: readonly T[],
  place: string,
): T | undefined {
  const text = config.getOptionalString(key);
  const choice = choices.find(candidate => candidate === text);
  if (text !== undefined && !choice) {
    throw new InputError(
      `${place}.${key}: expected one of ${choices.join(', ')}, found "${text}"`,
    );
  }
  return choice;
}
