import { World } from '@slipway/backstage-plugin-delivery-common';
import { decide, emptyRecord } from '../rollout';
import { convergeSteps, isConverged } from './convergeSteps';
import { CANARY } from './testing/rows';

const seen: World = {
  workloads: { known: { generations: [] }, observedAtMs: 1, reflects: 3 },
  traffic: { known: { accepted: [] }, observedAtMs: 1, reflects: 3 },
};

const started = decide({
  record: emptyRecord(),
  start: {
    deploymentId: 'one',
    attempt: 1,
    kind: 'deploy',
    candidate: {
      generation: 'g1',
      releaseId: 'release',
      planId: 'plan',
      deploymentId: 'one',
      replicas: 1,
      digests: {},
    },
    strategy: CANARY,
    progressDeadlineMs: 1_000,
  },
  world: seen,
  commands: [],
  verdicts: {},
  nowMs: 1,
}).record.rollout;

function record(
  applied: { revision: number; prunedRevision?: number },
  phase?: 'stepping' | 'aborting' | 'finished',
) {
  const empty = emptyRecord();
  return {
    ...empty,
    desired: { ...empty.desired, revision: 3 },
    applied,
    ...(started && phase && { rollout: { ...started, phase } }),
  };
}

describe('what no Plan names any more', () => {
  it.each(['stepping', 'aborting'] as const)(
    'is left while a rollout is %s, which waits for nothing of it',
    phase => {
      const underWay = record({ revision: 3, prunedRevision: 1 }, phase);
      const steps = convergeSteps(underWay, seen);
      expect(steps.prune).toBe(false);
      expect(isConverged(steps)).toBe(true);
    },
  );

  it('is taken away once the rollout has ended, though the rest was done before', () => {
    const ended = record({ revision: 3, prunedRevision: 1 }, 'finished');
    const steps = convergeSteps(ended, seen);
    expect(steps.prune).toBe(true);
    expect(isConverged(steps)).toBe(false);
  });

  it('is looked for once in each revision', () => {
    const done = record({ revision: 3, prunedRevision: 3 }, 'finished');
    expect(isConverged(convergeSteps(done, seen))).toBe(true);
  });

  it('counts as gone in a record of before it was told apart', () => {
    expect(isConverged(convergeSteps(record({ revision: 3 }), seen))).toBe(
      true,
    );
  });
});
