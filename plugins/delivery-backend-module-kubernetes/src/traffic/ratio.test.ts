import fc from 'fast-check';
import { KubeObject } from '../client';
import { GENERATION_LABEL, TRACK_ANNOTATION } from '../names';
import { mostBeside, serves, tellRatio, tooMany } from './ratio';

const workload = (
  generation: string,
  track: string,
  replicas: number,
): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: `shop-${generation}`,
    labels: { [GENERATION_LABEL]: generation },
    annotations: { [TRACK_ANNOTATION]: track },
  },
  spec: { replicas },
});

const shares = (canary: number) => [
  { generation: 'one', percent: 100 - canary },
  { generation: 'two', percent: canary },
];

describe('The ratio of instances', () => {
  it('gives a share as many as stay within it, and as many as that', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 99 }),
        fc.nat(2_000),
        (percent, others) => {
          const most = mostBeside(percent, others);
          const within = (count: number) =>
            count * (100 - percent) <= percent * others;
          expect(most === 1 || within(most)).toBe(true);
          expect(within(most + 1)).toBe(false);
        },
      ),
    );
    expect(mostBeside(20, 4)).toBe(1);
    expect(mostBeside(50, 4)).toBe(4);
    expect(mostBeside(10, 11)).toBe(1);
    expect(mostBeside(100, 4)).toBe(Infinity);
  });

  it('tells who has more than it may, by what is wanted and what still serves', () => {
    const live = (replicas: number, ready: number) => ({
      workloads: [
        workload('one', 'stable', 11),
        workload('two', 'canary', replicas),
      ],
      readyOf: (generation: string) => (generation === 'two' ? ready : 11),
    });
    expect(tooMany(live(2, 2), shares(10))).toEqual([
      { generation: 'two', most: 1 },
    ]);
    expect(tooMany(live(1, 2), shares(10))).toHaveLength(1);
    expect(tooMany(live(1, 1), shares(10))).toEqual([]);
    expect(tooMany(live(11, 11), shares(100))).toEqual([]);
    expect(tooMany(live(11, 11), shares(0))).toEqual([]);
  });

  it('says what the requests really are divided by, and why it cannot be less', () => {
    const live = (stable: number, canary: number) => ({
      workloads: [
        workload('one', 'stable', stable),
        workload('two', 'canary', canary),
      ],
      readyOf: (generation: string) => (generation === 'two' ? canary : stable),
    });
    const [least] = tellRatio(live(3, 1), shares(10), 7);
    expect(least).toMatchObject({ code: 'share-by-instances', sinceMs: 7 });
    expect(least.summary).toContain('1 of 4');
    expect(least.summary).toContain('about 25%');
    expect(least.summary).toContain('cannot have less than one');
    const [many] = tellRatio(live(4, 3), shares(20), 7);
    expect(many.action).toContain('with the next step');
    expect(tellRatio(live(4, 1), shares(20), 7)).toEqual([]);
    expect(tellRatio(live(4, 0), shares(20), 7)).toEqual([]);
  });

  it('knows whom a Service takes', () => {
    const service = (selector: Record<string, string>) => ({
      services: [
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'shop' },
          spec: { selector },
        },
      ],
    });
    expect(serves(service({ app: 'shop' }), 'two')).toBe(true);
    expect(serves(service({ [GENERATION_LABEL]: 'two' }), 'two')).toBe(true);
    expect(serves(service({ [GENERATION_LABEL]: 'one' }), 'two')).toBe(false);
  });
});
