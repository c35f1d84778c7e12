import {
  Drift,
  DriftState,
  Observed,
  TargetRecord,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';
import { emptyRecord } from '../../rollout';
import { driftView } from './drift';

const EDIT: Drift = {
  kind: 'edited',
  about: 'Deployment/checkout',
  message: '.spec.replicas was set from 2 to 5',
  by: 'kubectl',
  atMs: 5,
  fields: [{ field: '.spec.replicas', expected: '2', found: '5' }],
};
const COPY: Drift = {
  kind: 'copy',
  about: 'Deployment/checkout-2',
  message: 'checkout-2 carries our labels',
};
const away: Observed<WorkloadsState> = { unknown: 'away', sinceMs: 1 };
const HOLD = {
  by: { type: 'user' as const, ref: 'user:default/ann' },
  sinceMs: 1,
  reason: 'looking',
};

const drifted = (drift: Partial<DriftState> = {}): TargetRecord => ({
  ...emptyRecord(),
  drift: { found: [EDIT, COPY], sinceMs: 9, repairs: [], ...drift },
});

describe('The view of drift', () => {
  it('tells what drifted, who did it and since when, with what a person can do', () => {
    expect(driftView(drifted(), away, { mode: 'tell' })).toEqual({
      found: [
        {
          ...EDIT,
          sinceMs: 5,
          action: expect.stringMatching(/^Take over to write again/),
        },
        { ...COPY, sinceMs: 9, action: expect.stringMatching(/^Delete it/) },
      ],
      instances: [],
      repairedAtMs: [],
    });
    expect(driftView(emptyRecord(), away, { mode: 'tell' }).found).toEqual([]);
  });

  it.each<[string, Partial<DriftState>, typeof HOLD | undefined, RegExp]>([
    ['soon', {}, undefined, /^It is put right by itself soon/],
    ['after a hold', {}, HOLD, /when the hold is released.*Take over/],
    [
      'just now',
      { repairing: { revision: 8, atMs: 7 } },
      undefined,
      /is being written again/,
    ],
    [
      'not any more',
      {
        left: {
          code: 'drift-fought-over',
          message: 'It was put right 3 times',
          action: 'Find out what changes it',
        },
      },
      undefined,
      /^Not put right by itself: It was put right 3 times. Find out/,
    ],
  ])(
    'says what is done where the environment repairs: %s',
    (_when, drift, hold, action) => {
      const view = driftView(drifted(drift), away, { mode: 'repair', hold });
      expect(view.found[0].action).toMatch(action);
      expect(view.repairingSinceMs).toBe(drift.repairing?.atMs);
      expect(view.left).toBe(drift.left);
    },
  );

  it('does not promise to repair what writing again does not change', () => {
    const view = driftView(drifted(), away, { mode: 'repair' });
    expect(view.found[1].action).toMatch(/^Delete it/);
  });

  it('names instances that run other bytes than their release, and none that is not known', () => {
    const stable = {
      generation: 'g1',
      planId: 'p1',
      releaseId: 'r1',
      deploymentId: 'd1',
      digests: { app: 'sha256:a' },
      replicas: 3,
    };
    const instance = (id: string, digests?: Record<string, string>) => ({
      id,
      generation: 'g1',
      phase: 'running' as const,
      ready: true,
      restarts: 0,
      digests,
    });
    const workloads: Observed<WorkloadsState> = {
      observedAtMs: 1,
      reflects: 1,
      known: {
        generations: [
          {
            generation: 'g1',
            planId: 'p1',
            wanted: 3,
            ready: 3,
            instances: [
              instance('same', { app: 'sha256:a' }),
              instance('other', { app: 'sha256:b' }),
              instance('unknown'),
            ],
          },
        ],
      },
    };
    const record = { ...emptyRecord(), stable };
    expect(driftView(record, workloads, { mode: 'tell' }).instances).toEqual([
      {
        instance: 'other',
        image: 'app',
        expected: 'sha256:a',
        found: 'sha256:b',
      },
    ]);
  });
});
