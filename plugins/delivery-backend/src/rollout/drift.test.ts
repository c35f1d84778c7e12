import {
  Drift,
  DriftState,
  TargetRecord,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';
import fc from 'fast-check';
import { beginRepair, decideDrift, DriftMode, isRepairWrite } from './drift';
import { emptyRecord } from './emptyRecord';

const MINUTE_MS = 60_000;

const edit = (by: string, atMs: number): Drift => ({
  kind: 'edited',
  about: 'Deployment/shop',
  message: `image was changed by "${by}" at ${atMs}`,
  by,
  atMs,
});
const WEBHOOK: Drift = {
  kind: 'admission',
  about: 'Deployment/shop',
  message: 'a webhook changes what is written',
};
const COPY: Drift = {
  kind: 'copy',
  about: 'Deployment/shop-2',
  message: 'shop-2 carries our labels',
};

/** A target at rest whose world does what the test says, in simulated time. */
class Target {
  nowMs = 1_000_000;
  record: TargetRecord = {
    ...emptyRecord(),
    applied: { revision: 7, sharedPlanId: 'plan-1' },
  };
  drift: Drift[] = [];
  held = false;
  busy = false;
  writable = true;
  writes: number[] = [];
  events: string[] = [];
  saves = 0;
  /** What stands in the world after a write of ours. */
  afterWrite: (nowMs: number, drift: Drift[]) => Drift[] = () => [];

  constructor(readonly mode: DriftMode) {
    this.record.desired = { ...this.record.desired, revision: 7 };
  }

  look() {
    const known: WorkloadsState = { generations: [], drift: this.drift };
    const reflects = this.record.desired.revision;
    const output = decideDrift({
      record: this.record,
      workloads: { known, observedAtMs: this.nowMs, reflects },
      mode: this.mode,
      busy: this.busy,
      held: this.held,
      nowMs: this.nowMs,
    });
    this.events.push(
      ...output.events.map(({ type, message }) => `${type}: ${message}`),
    );
    this.saves += output.drift === this.record.drift ? 0 : 1;
    this.record = { ...this.record, drift: output.drift };
    if (output.repair) {
      this.record = beginRepair(this.record, reflects, this.nowMs);
      this.mayTake(true);
      if (this.record.applied?.sharedPlanId !== undefined) {
        throw new Error('Shared objects would not be written again');
      }
      this.writes.push(this.nowMs);
      if (!this.writable) {
        return output;
      }
      this.drift = this.afterWrite(this.nowMs, this.drift);
      this.record.applied = {
        revision: this.record.desired.revision,
        sharedPlanId: 'plan-1',
      };
      this.mayTake(false);
    }
    return output;
  }

  private mayTake(expected: boolean) {
    if (isRepairWrite(this.record) !== expected) {
      throw new Error(`The right to take over should be ${expected}`);
    }
  }

  pass(ms: number, everyMs = 1_000) {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs += everyMs;
      this.look();
    }
  }

  types() {
    return this.events.map(text => text.slice(0, text.indexOf(':')));
  }
}

describe('Drift', () => {
  it('is told, once, and when it is gone; nothing is written where the environment says tell', () => {
    const target = new Target('tell');
    target.pass(MINUTE_MS);
    expect(target.saves).toBe(0);
    target.drift = [edit('kubectl-edit', 5)];
    target.pass(MINUTE_MS);
    expect(target.events).toEqual([
      'drift-found: Not as it was deployed: image was changed by "kubectl-edit" at 5',
    ]);
    expect(target.record.drift).toMatchObject({
      found: [{ by: 'kubectl-edit' }],
      sinceMs: 1_000_000 + MINUTE_MS + 1_000,
    });
    target.drift = [];
    target.pass(MINUTE_MS);
    expect(target.types()).toEqual(['drift-found', 'drift-gone']);
    expect(target.record.drift).toBeUndefined();
    expect(target.writes).toEqual([]);
  });

  it('is repaired once where the environment says so, and who had changed what is told', () => {
    const target = new Target('repair');
    target.drift = [edit('kubectl-set', 5)];
    target.pass(5 * MINUTE_MS);
    expect(target.writes).toHaveLength(1);
    expect(target.record.desired.revision).toBe(8);
    expect(target.events).toEqual([
      expect.stringMatching(/^drift-found/),
      'drift-repaired: Repaired: image was changed by "kubectl-set" at 5',
    ]);
  });

  it('is told once where it was seen and a write was refused for it', () => {
    const target = new Target('tell');
    target.drift = [
      {
        ...edit('kubectl', 5),
        fields: [{ field: '.spec.replicas', expected: '2', found: '5' }],
      },
    ];
    target.record.conflict = {
      message:
        'Deployment "shop" was changed by others: .spec.replicas belongs to "kubectl"',
      sinceMs: 1,
    };
    target.look();
    expect(target.record.drift?.found).toEqual(target.drift);
    // About something else it is a matter of its own.
    target.record.conflict = { message: 'Service "shop" is gone', sinceMs: 1 };
    target.look();
    expect(target.record.drift?.found).toHaveLength(2);
  });

  it('is a conflict too: somebody has what we would write', () => {
    const target = new Target('repair');
    target.record.conflict = {
      message: '.spec.replicas belongs to "kubectl"',
      sinceMs: 1,
    };
    target.afterWrite = () => {
      delete target.record.conflict;
      return [];
    };
    target.pass(MINUTE_MS);
    expect(target.writes).toHaveLength(1);
    expect(target.events[1]).toMatch(/Repaired: .spec.replicas belongs to/);
  });

  it.each<[string, (target: Target) => void]>([
    ['a hold is set', target => Object.assign(target, { held: true })],
    ['a rollout goes on', target => Object.assign(target, { busy: true })],
  ])('is never repaired while %s', (_what, arrange) => {
    const target = new Target('repair');
    target.drift = [edit('kubectl-set', 5)];
    arrange(target);
    target.pass(30 * MINUTE_MS, 10_000);
    expect(target.writes).toEqual([]);
    expect(target.types()).toEqual(target.busy ? [] : ['drift-found']);
    Object.assign(target, { held: false, busy: false });
    target.pass(MINUTE_MS);
    expect(target.writes).toHaveLength(1);
  });

  it.each<[string, Drift[], string, number]>([
    ['changed on its way in', [WEBHOOK], 'drift-by-admission', 0],
    ['a copy', [COPY], 'drift-by-copy', 0],
    [
      'only added beside the plan',
      [edit('kubectl', 5)],
      'drift-beside-plan',
      1,
    ],
    [
      'edited, and changed on its way in',
      [edit('kubectl', 5), WEBHOOK],
      'drift-by-admission',
      1,
    ],
  ])(
    'that is %s is left to a person, who is told why',
    (_what, drift, code, writes) => {
      const target = new Target('repair');
      target.drift = drift;
      target.afterWrite = (_nowMs, found) =>
        found.length > 1 ? [WEBHOOK] : found;
      target.pass(120 * MINUTE_MS, 5_000);
      expect(target.writes).toHaveLength(writes);
      expect(target.record.drift?.left).toMatchObject({
        code,
        action: expect.any(String),
      });
      expect(target.types().filter(type => type === 'drift-left')).toHaveLength(
        1,
      );
      // Something else is another matter.
      target.drift = [...target.drift, edit('somebody-else', target.nowMs)];
      target.pass(10 * MINUTE_MS, 5_000);
      expect(target.writes.length).toBe(writes + 1);
    },
  );

  it('that comes back after each repair is not fought over: three times, ever more slowly, then a person decides', () => {
    const target = new Target('repair');
    const again = (nowMs: number) => [edit('argocd', nowMs)];
    target.drift = again(5);
    target.afterWrite = again;
    target.pass(50 * MINUTE_MS, 1_000);
    expect(target.writes).toHaveLength(3);
    const [first, second, third] = target.writes;
    expect(second - first).toBeGreaterThanOrEqual(MINUTE_MS);
    expect(third - second).toBeGreaterThanOrEqual(5 * MINUTE_MS);
    expect(target.record.drift?.left).toMatchObject({
      code: 'drift-fought-over',
      message: expect.stringMatching(/3 times within an hour.*"argocd"/),
    });
    // What was left stays left, also when the hour is over.
    target.pass(180 * MINUTE_MS, 10_000);
    expect(target.writes).toHaveLength(3);
  });

  it('that cannot be written again ends with its reason', () => {
    const target = new Target('repair');
    target.record.conflict = { message: 'a webhook refuses it', sinceMs: 1 };
    target.writable = false;
    target.pass(10 * MINUTE_MS);
    expect(target.record.drift).toMatchObject({
      left: { code: 'drift-not-repaired' },
    });
    expect(target.record.drift?.repairing).toBeUndefined();
    expect(target.writes).toHaveLength(1);
  });

  it('that is not written for another reason says that reason', () => {
    const drift: DriftState = {
      found: [edit('kubectl', 5)],
      sinceMs: 1,
      repairs: [1],
      repairing: { revision: 8, atMs: 1 },
    };
    const known: WorkloadsState = { generations: [], drift: drift.found };
    const { drift: after } = decideDrift({
      record: { ...emptyRecord(), drift },
      workloads: { known, observedAtMs: 1, reflects: 7 },
      mode: 'repair',
      busy: false,
      held: false,
      trouble: 'did not answer in 5000 ms',
      nowMs: 10 * MINUTE_MS,
    });
    expect(after?.left?.message).toMatch(/did not answer in 5000 ms/);
  });

  it('is not guessed while nothing is known', () => {
    const drift: DriftState = {
      found: [edit('kubectl', 5)],
      sinceMs: 1,
      repairs: [],
    };
    expect(
      decideDrift({
        record: { ...emptyRecord(), drift },
        workloads: { unknown: 'the cluster is away', sinceMs: 0 },
        mode: 'repair',
        busy: false,
        held: false,
        nowMs: 2,
      }),
    ).toEqual({ drift, events: [] });
  });

  it('never makes more than three repairs an hour, nor one under a hold or a rollout, whatever others do', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            waitMs: fc.integer({ min: 500, max: 20 * MINUTE_MS }),
            drift: fc.subarray(['edit', 'webhook', 'copy'] as const),
            held: fc.boolean(),
            busy: fc.boolean(),
            returns: fc.boolean(),
          }),
          { maxLength: 60 },
        ),
        steps => {
          const target = new Target('repair');
          for (const { waitMs, drift, held, busy, returns } of steps) {
            Object.assign(target, { held, busy });
            target.drift = drift.map(kind =>
              kind === 'edit'
                ? edit('kubectl', target.nowMs)
                : { webhook: WEBHOOK, copy: COPY }[kind],
            );
            target.afterWrite = nowMs =>
              returns ? [edit('argocd', nowMs)] : [];
            const before = target.writes.length;
            target.pass(waitMs, 30_000);
            const most = held || busy ? before : Infinity;
            expect(target.writes.length).toBeLessThanOrEqual(most);
          }
          for (const atMs of target.writes) {
            const within = target.writes.filter(
              other => other >= atMs && other < atMs + 60 * MINUTE_MS,
            );
            expect(within.length).toBeLessThanOrEqual(3);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
