import { isError } from '@backstage/errors';
import { MeasurementOutcome } from '@slipway/backstage-plugin-delivery-common';
import {
  MetricProvider,
  MetricQuery,
} from '@slipway/backstage-plugin-delivery-node';
import { InstantAnswer, PrometheusClient } from './client';
import { MetricSource } from './sources';
import { compileQuery, QueryTemplate, QueryValues } from './template';
import { LABELS, PATTERNS, valuesOf } from './values';

/** This much of a window may miss at its end or within; scrapes are no clockwork. */
const TOLERATED_SCRAPES = 2.5;
const COVERED = 0.5;

const seconds = (durationMs: number) => `${Math.round(durationMs / 1_000)} s`;

interface Compiled {
  source: MetricSource;
  query: QueryTemplate;
  samples?: QueryTemplate;
  /** Scrapes within the window, of the series that has most. */
  scrapes?: QueryTemplate;
  /** When the newest of them was, in seconds. */
  newest?: QueryTemplate;
}

/**
 * Answers metrics from Prometheus. What it says is told apart: a value; no data
 * (nothing there, nothing to divide, not scraped long enough, not yet scraped);
 * an error (no answer, a refused query, several numbers, a partial answer).
 *
 * Errors: `InputError` for a query that cannot be used; see `compileQuery`.
 *
 * @public
 */
export function createPrometheusProvider(options: {
  name: string;
  client: PrometheusClient;
  metrics: MetricSource[];
  scrapeIntervalMs: number;
  /** For messages: where a metric's query is configured. */
  placeOf?: (metric: MetricSource) => string;
}): MetricProvider {
  const { name, client, scrapeIntervalMs } = options;
  const { placeOf = metric => `the metric "${metric.name}"` } = options;
  const compiled = new Map(
    options.metrics.map((source): [string, Compiled] => {
      const compile = (text: string) =>
        compileQuery(
          text,
          { labels: LABELS, patterns: PATTERNS },
          placeOf(source),
        );
      const { counter } = source;
      return [
        source.name,
        {
          source,
          query: compile(source.query),
          ...(source.samples && { samples: compile(source.samples) }),
          ...(counter && {
            scrapes: compile(`max(count_over_time(${counter}[{{window}}]))`),
            newest: compile(`max(timestamp(${counter}))`),
          }),
        },
      ];
    }),
  );

  async function measure(
    metric: Compiled,
    values: QueryValues,
    toMs: number,
    signal: AbortSignal,
  ): Promise<MeasurementOutcome> {
    const ask = async (template: QueryTemplate | undefined) =>
      template && (await client.query(template.render(values), toMs, signal));
    const [value, samples, scrapes, newest] = await Promise.all([
      ask(metric.query),
      ask(metric.samples),
      ask(metric.scrapes),
      ask(metric.newest),
    ]);
    const answers = [value, samples, scrapes, newest].filter(
      (answer): answer is InstantAnswer => answer !== undefined,
    );
    const [warning] = answers.flatMap(({ warnings }) => warnings);
    if (warning) {
      return {
        type: 'error',
        message: `${name} says that its answer may be partial: ${warning}`,
      };
    }
    return (
      notCovered(scrapes, newest, values.windowMs, toMs) ??
      outcomeOf(value, metric.samples ? samples : undefined)
    );
  }

  /** Whether the counters were scraped over the window and up to its end. */
  function notCovered(
    scrapes: InstantAnswer | undefined,
    newest: InstantAnswer | undefined,
    windowMs: number,
    toMs: number,
  ): MeasurementOutcome | undefined {
    if (!scrapes || !newest) {
      return undefined;
    }
    const [count] = scrapes.values;
    const [last] = newest.values;
    if (!count) {
      return {
        type: 'no-data',
        detail: 'nothing was scraped in the window: there is no such series',
      };
    }
    const behindMs = last ? toMs - last.value * 1_000 : windowMs;
    if (behindMs > TOLERATED_SCRAPES * scrapeIntervalMs) {
      return {
        type: 'no-data',
        detail: `late: the newest scrape is ${seconds(
          behindMs,
        )} older than the end of the window`,
      };
    }
    const expected = Math.floor(windowMs / scrapeIntervalMs);
    if (count.value < Math.max(2, COVERED * expected)) {
      return {
        type: 'no-data',
        detail: `partial: ${
          count.value
        } of about ${expected} scrapes of the window are there${
          windowMs < 2 * scrapeIntervalMs
            ? `; a window of ${seconds(
                windowMs,
              )} is too short for a scrape each ${seconds(scrapeIntervalMs)}`
            : ''
        }`,
      };
    }
    return undefined;
  }

  return {
    id: `prometheus/${name}`,
    metrics: () =>
      [...compiled.values()].map(
        ({ source: { name: metric, unit, description, minSamples } }) => ({
          name: metric,
          unit,
          description,
          ...(minSamples !== undefined && { minSamples }),
        }),
      ),
    async query(query: MetricQuery, signal) {
      const metric = compiled.get(query.metric);
      if (!metric) {
        return {
          query: '',
          outcome: {
            type: 'error',
            message: `${name} does not know the metric "${
              query.metric
            }"; it knows ${[...compiled.keys()].join(', ') || 'none'}`,
          },
        };
      }
      const values = valuesOf(query);
      const text = metric.query.render(values);
      try {
        return {
          query: text,
          outcome: await measure(metric, values, query.toMs, signal),
        };
      } catch (error) {
        signal.throwIfAborted();
        return {
          query: text,
          outcome: {
            type: 'error',
            message: isError(error) ? error.message : String(error),
          },
        };
      }
    },
  };
}

/** What the numbers say. Never throws. */
export function outcomeOf(
  value: InstantAnswer | undefined,
  samples: InstantAnswer | undefined,
): MeasurementOutcome {
  const values = value?.values ?? [];
  if (values.length > 1) {
    return {
      type: 'error',
      message: `expected one number, found ${
        values.length
      } or more series, such as ${values
        .slice(0, 2)
        .map(({ labels }) => JSON.stringify(labels))
        .join(' and ')}; the query has to sum them up`,
    };
  }
  const [found] = values;
  if (!found) {
    return { type: 'no-data', detail: 'the query found no series' };
  }
  if (Number.isNaN(found.value)) {
    return {
      type: 'no-data',
      detail: 'the value is not a number: there was nothing to divide by',
    };
  }
  if (!Number.isFinite(found.value)) {
    return { type: 'no-data', detail: `the value is ${found.value}` };
  }
  if (!samples) {
    return { type: 'value', value: found.value, samples: 1 };
  }
  const count = samples.values[0]?.value ?? 0;
  // Increases are extrapolated and so no whole numbers.
  return Number.isFinite(count) && Math.round(count) > 0
    ? { type: 'value', value: found.value, samples: Math.round(count) }
    : { type: 'no-data', detail: 'there was no request in the window' };
}
