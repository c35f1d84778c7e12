import { percentile } from './numbers.mjs';

/** The value after `--name` on the command line. */
export function argument(name) {
  const index = process.argv.indexOf(name);
  return index < 0 ? undefined : process.argv[index + 1];
}

/** Milliseconds, rounded to a tenth. */
export function summary(values) {
  const round = value => Math.round(value * 10) / 10;
  return {
    median: round(percentile(values, 50)),
    p95: round(percentile(values, 95)),
    max: round(Math.max(...values)),
    samples: values.length,
  };
}
