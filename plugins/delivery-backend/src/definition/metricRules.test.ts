import { KnownMetric } from '@slipway/backstage-plugin-delivery-common';
import { parseDefinition } from './parseDefinition';

const ADDED: KnownMetric[] = [
  {
    name: 'queue-age',
    unit: 'milliseconds',
    description: 'How long the oldest order waits',
    minSamples: 7,
  },
];

const withMetric = (
  metric: string,
) => `apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivery
images: [{ name: app, repository: shop/hello }]
environments:
  - ref: staging
    strategy:
      canary:
        steps: [{ weight: 10% }, { analysis: { duration: 30s } }]
        metrics: [${metric}]
`;

function parse(metric: string, metrics?: KnownMetric[]) {
  return parseDefinition(withMetric(metric), {
    file: 'delivery.yaml',
    name: 'hello',
    environments: ['staging'],
    metrics,
  });
}

describe('Metrics of the platform’s own', () => {
  it('are named like the known ones, with their unit and their least of samples', () => {
    const { model, problems } = parse('{ name: queue-age, max: 5s }', ADDED);
    expect(problems).toEqual([]);
    expect(JSON.stringify(model)).toContain(
      '"name":"queue-age","unit":"milliseconds","max":5000,"minSamples":7',
    );
  });

  it('have thresholds of their unit', () => {
    const { problems } = parse('{ name: queue-age, max: 99% }', ADDED);
    expect(problems).toMatchObject([
      {
        line: 9,
        expected: expect.stringMatching(/for queue-age, a duration/),
        found: '"99%"',
      },
    ]);
  });

  it('are an error with line and suggestion where the platform does not list them', () => {
    const problem = (metric: string) => parse(metric, ADDED).problems;
    expect(parse('{ name: queue-age, max: 5s }').problems).toMatchObject([
      { line: 9, expected: expect.stringContaining('one of the metrics') },
    ]);
    expect(problem('{ name: queue-aeg, max: 5s }')).toMatchObject([
      { line: 9, hint: expect.stringContaining('queue-age') },
    ]);
    expect(problem('{ name: sucess-rate, min: 99% }')).toMatchObject([
      { line: 9, hint: expect.stringContaining('success-rate') },
    ]);
  });
});
