import {
  Drift,
  DriftState,
  TargetRecord,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';
import fc from 'fast-check';
import { decideDrift } from './drift';
import { beginRepair, isRepairWrite } from './driftRepair';
import { DriftMode, DriftNews } from './driftState';
import { emptyRecord } from './emptyRecord';

const MINUTE_MS = 60_000;

const edit = (by: string, atMs: number): Drift => ({
  kind: 'edited',
  about: 'Deployment/shop',
  message: 'image was changed',
  by,
  atMs,
});
const WEBHOOK: Drift = {
  kind: 'admission',
  about: 'Deployment/shop',
  message: 'it was changed on its way in',
  by: 'webhook "sidecars"',
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
  /** What leads there has not acted on our last write. */
  lagging = false;
  writes: number[] = [];
  events: string[] = [];
  news: DriftNews[] = [];
  wakes: Array<number | undefined> = [];
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
      workloads: {
        known,
        observedAtMs: this.nowMs,
        reflects: this.lagging ? 7 : reflects,
      },
      mode: this.mode,
      busy: this.busy,
      held: this.held,
      nowMs: this.nowMs,
    });
    this.events.push(
      ...output.events.map(({ type, message }) => `${type}: ${message}`),
    );
    this.news.push(...(output.news ? [output.news] : []));
    this.wakes.push(output.wakeAtMs);
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
      'drift-found: Not as it was deployed: image was changed by "kubectl-edit"',
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
      'drift-repaired: Repaired: image was changed by "kubectl-set"',
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
      'still there after it was written again',
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
      message: 'It was put right 3 times within an hour, and is changed again',
    });
    expect(target.events[target.events.length - 1]).toMatch(
      /^drift-left: Not repaired: It was put right 3 times.*: image was changed by "argocd"$/,
    );
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

  it('has helped once nothing is changed any more, also where a controller has not acted on it yet', () => {
    const target = new Target('repair');
    target.drift = [edit('kubectl', 5)];
    target.lagging = true;
    target.pass(MINUTE_MS);
    expect(target.types()).toEqual(['drift-found', 'drift-repaired']);
  });

  it('that was written and is not seen in force for long says that, and not that it was not written', () => {
    const target = new Target('repair');
    const drift = [edit('kubectl', 5)];
    target.drift = drift;
    target.afterWrite = (_nowMs, found) => found;
    target.lagging = true;
    target.pass(10 * MINUTE_MS);
    expect(target.record.drift?.left?.code).toBe('drift-not-in-force');
    target.drift = [];
    target.pass(MINUTE_MS);
    expect(target.events[target.events.length - 1]).toBe(
      'drift-gone: It is as it was deployed again: image was changed by "kubectl"',
    );
  });

  it('is not over as long as a repair that was given up is not written whole', () => {
    const target = new Target('repair');
    target.drift = [edit('kubectl', 5)];
    target.writable = false;
    target.pass(10 * MINUTE_MS);
    const { left } = target.record.drift ?? {};
    expect(left?.code).toBe('drift-not-repaired');
    // Half of it was: what was added is ours, and still there.
    target.drift = [];
    target.pass(MINUTE_MS);
    expect(target.record.drift).toMatchObject({
      found: [{ by: 'kubectl' }],
      left,
    });
    target.record.applied = { revision: target.record.desired.revision };
    target.pass(MINUTE_MS);
    expect(target.types().slice(-1)).toEqual(['drift-gone']);
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

describe('The owners hear of drift', () => {
  const DAY_MS = 24 * 60 * MINUTE_MS;

  it('once, after it has stayed for a minute; not again by every look, nor when it is over', () => {
    const target = new Target('tell');
    target.drift = [edit('kubectl-edit', 5)];
    target.look();
    expect(target.news).toEqual([]);
    expect(target.wakes).toEqual([target.nowMs + MINUTE_MS]);
    target.pass(10 * MINUTE_MS);
    expect(target.news).toEqual([
      {
        found: [edit('kubectl-edit', 5)],
        atMs: 1_000_000 + MINUTE_MS,
      },
    ]);
    const { saves } = target;
    target.drift = [];
    target.pass(10 * MINUTE_MS);
    expect(target.news).toHaveLength(1);
    // That it was told is kept for a day, and costs nothing.
    expect(target.saves).toBe(saves + 1);
    target.pass(2 * DAY_MS, MINUTE_MS);
    expect(target.record.drift).toBeUndefined();
  });

  it('not at all when it is gone within a minute, or is put right by itself', () => {
    const target = new Target('tell');
    target.drift = [edit('kubectl-edit', 5)];
    target.pass(MINUTE_MS - 2_000);
    target.drift = [];
    target.pass(MINUTE_MS);
    expect(target.news).toEqual([]);
    const repaired = new Target('repair');
    repaired.drift = [edit('kubectl-edit', 5)];
    repaired.pass(10 * MINUTE_MS);
    expect(repaired.news).toEqual([]);
  });

  it('once a day of what comes and goes; of something else as well', () => {
    const target = new Target('tell');
    for (let hour = 0; hour < 30; hour += 1) {
      target.drift = [edit('reloader', target.nowMs)];
      target.pass(30 * MINUTE_MS, 30_000);
      target.drift = [];
      target.pass(30 * MINUTE_MS, 30_000);
    }
    expect(target.news).toHaveLength(2);
    target.drift = [edit('reloader', target.nowMs), edit('kubectl-edit', 7)];
    target.pass(2 * MINUTE_MS);
    expect(target.news[2].found).toEqual([edit('kubectl-edit', 7)]);
  });

  it.each<[string, (target: Target) => void, string | undefined]>([
    [
      'under a hold',
      target => Object.assign(target, { held: true }),
      undefined,
    ],
    [
      'that is fought over',
      target => {
        target.afterWrite = nowMs => [edit('argocd', nowMs)];
      },
      'drift-fought-over',
    ],
    [
      'that is changed on its way in',
      target => {
        target.drift = [WEBHOOK];
      },
      'drift-by-admission',
    ],
  ])('of what is not repaired: %s', (_what, arrange, code) => {
    const target = new Target('repair');
    target.drift = [edit('argocd', 5)];
    arrange(target);
    target.pass(60 * MINUTE_MS, 5_000);
    expect(target.news).toHaveLength(1);
    expect(target.news[0].left?.code).toBe(code);
  });
});
