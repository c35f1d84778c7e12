import { canary, ANALYSIS, ROLLING, Simulation } from './testing';

/** A target on which v1 was promoted. */
function withStable(
  options: ConstructorParameters<typeof Simulation>[0] = {},
): Simulation {
  const sim = new Simulation(options);
  sim.start('v1', canary());
  sim.run(120_000, () => sim.outcome !== undefined);
  expect(sim.outcome).toBe('succeeded');
  return sim;
}

/** The candidate's share in each desired state since the rollout began. */
function weights(sim: Simulation, generation: string): number[] {
  const all = sim.history.map(
    ({ desired }) =>
      desired.shares.find(s => s.generation === generation)?.percent ?? 0,
  );
  return all.filter((percent, index) => percent !== all[index - 1]);
}

const INDEFINITE = canary({
  steps: [
    { type: 'weight', percent: 25 },
    { type: 'pause' },
    { type: 'weight', percent: 50 },
  ],
});

const ANALYSED = canary({
  steps: [
    { type: 'weight', percent: 25 },
    { type: 'analysis', analysis: ANALYSIS },
    { type: 'weight', percent: 50 },
  ],
});

describe('canary (field notes 5.6)', () => {
  it('C01 the first deploy has no stable: straight to everything, without analysis, and says "initial"', () => {
    const sim = new Simulation();
    sim.start('v1', ANALYSED);
    sim.run(20_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(sim.rollout.steps.map(s => s.step.type)).toEqual([
      'scale',
      'promote',
    ]);
    expect(sim.rollout.analyses).toEqual([]);
    expect(sim.rollout.reason?.code).toBe('initial');
    // No traffic before all of it was ready.
    expect(sim.history.map(h => h.desired.shares.length)).toEqual([0, 1, 1]);
    expect(sim.finished).toEqual([
      expect.objectContaining({ outcome: 'succeeded', hold: false }),
    ]);
  });

  it('C02 a full promotion passes through all steps; weights never fall; stable is scaled down only after the delay', () => {
    const sim = withStable();
    sim.start('v2', canary());
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(weights(sim, 'v2')).toEqual([0, 10, 50, 100]);
    expect(sim.rollout.steps.every(s => s.status === 'done')).toBe(true);
    const promotedAtMs = sim.rollout.finishedAtMs ?? 0;
    expect(sim.record.stable?.generation).toBe('v2');
    expect(sim.record.desired.sharedPlanId).toBe('plan-v2');
    sim.run(29_000);
    expect(sim.replicas('v1')).toBe(4);
    sim.run(5_000);
    expect(sim.replicas('v1')).toBeUndefined();
    const removed = sim.world.effects.find(e => e.kind === 'remove');
    expect(removed?.atMs).toBeGreaterThanOrEqual(promotedAtMs + 30_000);
  });

  it('C03 an indefinite pause survives a restart of the process; a person resumes at the same step', () => {
    const sim = withStable();
    sim.start('v2', INDEFINITE);
    sim.run(30_000);
    expect(sim.at).toBe('pause');
    // Everything that survives is the record.
    sim.record = JSON.parse(JSON.stringify(sim.record));
    sim.beAway(3_600_000);
    sim.run(1_000);
    expect(sim.at).toBe('pause');
    expect(sim.share('v2')).toBe(25);
    const id = sim.command('resume');
    sim.run(30_000, () => sim.outcome !== undefined);
    expect(sim.answer(id)?.accepted).toBe(true);
    expect(sim.outcome).toBe('succeeded');
  });

  it('C04 a process that was away for longer than a timed pause goes on at once', () => {
    const sim = withStable();
    sim.start('v2', canary());
    sim.run(60_000, () => sim.at === 'pause');
    sim.beAway(600_000);
    sim.tick();
    expect(sim.at).toBe('scale');
    expect(sim.rollout.paused).toBeUndefined();
  });

  it('C05 a pause that is longer than the progress deadline is no failure', () => {
    const sim = withStable();
    sim.start(
      'v2',
      canary({
        steps: [
          { type: 'weight', percent: 10 },
          { type: 'pause', durationMs: 600_000 },
        ],
      }),
      { progressDeadlineMs: 30_000 },
    );
    sim.run(500_000);
    expect(sim.at).toBe('pause');
    expect(sim.rollout.progressDeadlineMs).toBeUndefined();
    sim.run(200_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });

  it('C06 instances that never get ready end at the progress deadline, with the last answer of the probe', () => {
    const sim = withStable();
    sim.world.behave('v2', { neverReady: 'HTTP 503 "warming up"' });
    sim.start('v2', canary());
    sim.run(59_000);
    expect(sim.at).toBe('scale');
    sim.run(10_000);
    expect(sim.outcome).toBe('rolled-back');
    expect(sim.rollout.reason).toMatchObject({
      code: 'progress-deadline-exceeded',
      message:
        '0 of 1 new instance ready, no progress for 1 min: the readiness probe fails',
      evidence: 'HTTP 503 "warming up"',
    });
    expect(sim.finished.at(-1)?.hold).toBe(true);
    expect(sim.record.stable?.generation).toBe('v1');
    expect(sim.share('v1')).toBe(100);
    expect(sim.replicas('v2')).toBeUndefined();
  });

  it('C06 progress moves the deadline: slow, but one after another, is not too late', () => {
    const sim = withStable();
    sim.world.behave('v2', { neverReady: 'not yet' });
    sim.start('v2', canary());
    sim.run(50_000);
    sim.world.behave('v2', { readyAfterMs: 0 });
    sim.run(2_000);
    expect(sim.rollout.abort).toBeUndefined();
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });

  it('C07 an abort in the middle brings the traffic back first, then takes the candidate away', () => {
    const sim = withStable();
    sim.start('v2', INDEFINITE);
    sim.run(30_000);
    const before = sim.world.effects.length;
    sim.command('abort', 'wrong branch');
    sim.run(10_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('aborted');
    expect(sim.rollout.reason?.message).toBe(
      'Aborted by user:default/ann: wrong branch',
    );
    expect(sim.world.effects.slice(before).map(e => e.kind)).toEqual([
      'shares',
      'remove',
    ]);
    expect(sim.finished.at(-1)).toMatchObject({ hold: false });
  });

  it('C07 the candidate is kept until the router is seen to give it nothing', () => {
    const sim = withStable({ routerLagMs: 20_000 });
    sim.start('v2', INDEFINITE);
    sim.run(90_000);
    expect(sim.at).toBe('pause');
    sim.command('abort');
    sim.run(15_000);
    expect(sim.share('v2')).toBe(0);
    expect(sim.replicas('v2')).toBe(1);
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.replicas('v2')).toBeUndefined();
  });

  it('C08 a retry after an abort is a new attempt from step 0 with the same digest', () => {
    const sim = withStable();
    sim.start('v2', ANALYSED);
    sim.run(30_000, () => sim.at === 'analysis');
    const first = sim.rollout.analyses[0].id;
    sim.command('abort');
    sim.run(10_000, () => sim.outcome !== undefined);
    sim.start('v2', ANALYSED, { attempt: 2 });
    sim.run(30_000, () => sim.at === 'analysis');
    expect(sim.rollout).toMatchObject({
      attempt: 2,
      candidate: { digests: { app: 'sha256:v2' } },
    });
    expect(sim.rollout.analyses[0].id).not.toBe(first);
    sim.verdictOf = () => ({ verdict: 'pass' });
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });

  it('C09 an abort is sticky: neither time nor a restart nor a verb leads forward again', () => {
    const sim = withStable({ routerLagMs: 5_000 });
    sim.start('v2', INDEFINITE);
    sim.run(60_000);
    sim.command('abort');
    sim.tick();
    const verbs = (
      [
        'promote',
        'promote-full',
        'skip-step',
        'resume',
        'retry',
        'pause',
      ] as const
    ).map(verb => sim.command(verb));
    sim.tick();
    expect(verbs.map(id => sim.answer(id)?.accepted)).toEqual(
      verbs.map(() => false),
    );
    sim.record = JSON.parse(JSON.stringify(sim.record));
    sim.run(3_600_000);
    expect(sim.outcome).toBe('aborted');
    expect(sim.share('v1')).toBe(100);
  });

  it('C10 promoting fully skips pauses and analyses, but never sends more than the ready capacity', () => {
    const sim = withStable({ readyAfterMs: 8_000 });
    sim.start('v2', ANALYSED);
    sim.run(30_000, () => sim.at === 'analysis');
    sim.onDecision = ({ world, output }) => {
      const ready =
        'known' in world.workloads
          ? world.workloads.known.generations.find(g => g.generation === 'v2')
              ?.ready ?? 0
          : 0;
      const share =
        output.record.desired.shares.find(s => s.generation === 'v2')
          ?.percent ?? 0;
      expect(share).toBeLessThanOrEqual((100 * ready) / 4);
    };
    const id = sim.command('promote-full', 'hotfix');
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.answer(id)?.accepted).toBe(true);
    expect(sim.outcome).toBe('succeeded');
    const skipped = sim.rollout.steps.filter(s => s.status === 'skipped');
    expect(skipped.map(s => s.step.type)).toContain('analysis');
    expect(
      skipped.every(s => s.reason?.message.includes('user:default/ann')),
    ).toBe(true);
    expect(sim.rollout.analyses.map(a => a.status)).toEqual(['stopped']);
  });

  it('C11 skipping a step moves exactly one', () => {
    const sim = withStable();
    sim.start('v2', INDEFINITE);
    sim.run(30_000);
    const { stepIndex } = sim.rollout;
    sim.command('skip-step');
    sim.tick();
    expect(sim.rollout.steps[stepIndex]).toMatchObject({
      status: 'skipped',
      reason: { code: 'skipped-by-person' },
    });
    expect(sim.rollout.stepIndex).toBe(stepIndex + 1);
  });

  it('C12 superseding brings the old candidate to weight 0 before the new one begins; stable stays the original', () => {
    const sim = withStable({ routerLagMs: 4_000 });
    sim.start('v2', canary());
    sim.run(60_000, () => sim.share('v2') === 50 && sim.at === 'pause');
    sim.start('v3', canary());
    sim.onDecision = ({ world, output }) => {
      const begun = output.record.rollout?.steps[0].status !== 'pending';
      const old =
        'known' in world.traffic
          ? world.traffic.known.accepted.find(s => s.generation === 'v2')
          : undefined;
      expect(begun && old !== undefined).toBe(false);
    };
    sim.run(120_000, () => sim.outcome !== undefined);
    expect(sim.finished.map(f => [f.deploymentId, f.outcome])).toEqual([
      ['deployment-v1', 'succeeded'],
      ['deployment-v2', 'superseded'],
      ['deployment-v3', 'succeeded'],
    ]);
    // v1 is what v3 replaced, and v2 went without having been stable.
    expect(sim.record.promoted.map(p => p.generation)).toEqual(['v3', 'v1']);
    const kinds = sim.world.effects.filter(
      e => e.kind !== 'scale' || e.generation !== 'v1',
    );
    const removedV2 = kinds.findIndex(
      e => e.kind === 'remove' && e.generation === 'v2',
    );
    const startedV3 = kinds.findIndex(
      e => e.kind === 'scale' && e.generation === 'v3',
    );
    const zeroV2 = kinds.findIndex(
      (e, index) =>
        index > 0 &&
        e.kind === 'shares' &&
        e.shares.length === 1 &&
        kinds
          .slice(0, index)
          .some(k => k.kind === 'shares' && k.shares.length === 2),
    );
    expect(zeroV2).toBeGreaterThan(-1);
    expect(removedV2).toBeGreaterThan(zeroV2);
    expect(startedV3).toBeGreaterThan(zeroV2);
  });

  it('C12 a release that was being rolled back keeps that outcome, and its hold, when a newer one starts', () => {
    const sim = withStable({ routerLagMs: 10_000 });
    sim.start('v2', ANALYSED);
    sim.run(60_000, () => sim.at === 'analysis');
    sim.verdictOf = () => ({ verdict: 'fail' });
    sim.tick();
    sim.start('v3', canary());
    sim.tick();
    expect(sim.finished.at(-1)).toMatchObject({
      deploymentId: 'deployment-v2',
      outcome: 'rolled-back',
      hold: true,
    });
    expect(sim.rollout.deploymentId).toBe('deployment-v3');
  });

  describe('C14', () => {
    function afterThree(rollbackWindow: number) {
      const sim = withStable();
      const strategy = canary({
        ...ANALYSED,
        scaleDownDelayMs: 0,
        rollbackWindow,
      });
      sim.verdictOf = () => ({ verdict: 'pass' });
      for (const name of ['v2', 'v3']) {
        sim.start(name, strategy);
        sim.run(120_000, () => sim.outcome !== undefined);
        sim.run(10_000);
      }
      expect(sim.record.draining).toEqual([]);
      return { sim, strategy };
    }

    it('a rollback inside the window skips pauses and analyses, and says so', () => {
      const { sim, strategy } = afterThree(1);
      sim.start('v2', strategy, { kind: 'rollback' });
      sim.run(60_000, () => sim.outcome !== undefined);
      expect(sim.outcome).toBe('succeeded');
      expect(sim.rollout.analyses).toEqual([]);
      expect(
        sim.rollout.steps
          .filter(s => s.status === 'skipped')
          .map(s => s.reason?.code),
      ).toEqual([...Array(5)].map(() => 'rollback-window'));
      // Automation must not bring back what was gone back from.
      expect(sim.finished.at(-1)).toMatchObject({ hold: true });
    });

    it('a rollback outside the window runs every step', () => {
      const { sim, strategy } = afterThree(1);
      sim.start('v1', strategy, { kind: 'rollback' });
      sim.run(120_000, () => sim.outcome !== undefined);
      expect(sim.rollout.steps.every(s => s.status === 'done')).toBe(true);
      expect(sim.rollout.analyses).toHaveLength(1);
    });

    it('what was stable and still drains is an instant way back', () => {
      const sim = withStable();
      sim.verdictOf = () => ({ verdict: 'pass' });
      sim.start('v2', ANALYSED);
      sim.run(120_000, () => sim.outcome !== undefined);
      const startedAtMs = sim.nowMs;
      sim.start('v1', ANALYSED, { deploymentId: 'back', kind: 'rollback' });
      sim.run(60_000, () => sim.outcome !== undefined);
      expect(sim.outcome).toBe('succeeded');
      expect(sim.nowMs - startedAtMs).toBeLessThan(5_000);
      expect(sim.record.stable?.generation).toBe('v1');
    });

    it('a candidate that was superseded proved nothing, and is no shortcut', () => {
      const sim = withStable({ routerLagMs: 10_000 });
      sim.start('v2', ANALYSED);
      sim.run(60_000, () => sim.at === 'analysis');
      sim.start('v3', ANALYSED);
      sim.tick();
      expect(sim.record.draining.map(d => d.generation)).toEqual(['v2']);
      sim.start('v2', ANALYSED, { deploymentId: 'again' });
      sim.tick();
      expect(sim.rollout.steps.every(s => s.status === 'pending')).toBe(true);
    });
  });

  it('C17 a release that also changes the number of replicas is measured by its own number', () => {
    const sim = withStable();
    sim.start('v2', canary(), { role: { replicas: 10 } });
    sim.run(30_000, () => sim.at === 'pause');
    expect(sim.replicas('v2')).toBe(5);
    expect(sim.replicas('v1')).toBe(4);
    sim.run(
      120_000,
      () => sim.record.draining.length === 0 && sim.outcome !== undefined,
    );
    expect(sim.replicas('v2')).toBe(10);
  });

  it('C19 a candidate whose instances are gone gets nothing, and its share back when they are', () => {
    const sim = withStable();
    sim.start('v2', INDEFINITE);
    sim.run(30_000);
    sim.world.crash('v2', 1, sim.nowMs);
    sim.tick();
    expect(sim.share('v2')).toBe(0);
    expect(sim.share('v1')).toBe(100);
    sim.run(10_000);
    expect(sim.share('v2')).toBe(25);
  });

  it('C20 everything is only promoted after the router was seen to have taken it', () => {
    const sim = withStable();
    sim.start('v2', canary());
    sim.run(60_000, () => sim.share('v2') === 100);
    // The router says that it took the write, but shows other shares.
    sim.shellIsAway = true;
    sim.world.rewriteShares([
      { generation: 'v1', percent: 1 },
      { generation: 'v2', percent: 99 },
    ]);
    sim.run(50_000);
    expect(sim.record.stable?.generation).toBe('v1');
    expect(sim.replicas('v1')).toBe(4);
    sim.run(30_000);
    // Not the fault of the release: a person is asked, nothing is rolled back.
    expect(sim.rollout.paused?.reason).toBe('errored');
    sim.shellIsAway = false;
    sim.command('retry');
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });

  it('C22 other steps for the same release start from the first step, and say so', () => {
    const sim = withStable();
    sim.start('v2', INDEFINITE);
    sim.run(30_000);
    sim.start('v2', canary(), { deploymentId: 'with-other-steps' });
    sim.tick();
    expect(sim.rollout.stepIndex).toBe(0);
    expect(sim.events.at(-2)?.message).toMatch(
      /starts again from the first step/,
    );
    expect(sim.share('v2')).toBe(0);
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });
});

describe('what else a canary promises', () => {
  it('a release that is stable already is not rolled, only verified', () => {
    const sim = withStable();
    const revision = sim.record.desired.revision;
    sim.start('v1', ANALYSED, { deploymentId: 'once-more' });
    sim.run(5_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(sim.record.desired.revision).toBe(revision);
    expect(sim.record.draining).toEqual([]);
  });

  it('the way back is only as fast as stable has ready capacity', () => {
    const sim = withStable({ restartAfterMs: 20_000 });
    sim.start(
      'v2',
      canary({ steps: [{ type: 'weight', percent: 100 }, { type: 'pause' }] }),
    );
    sim.run(30_000, () => sim.at === 'pause');
    sim.world.crash('v1', 3, sim.nowMs);
    sim.command('abort');
    sim.run(3_000);
    expect(sim.record.desired.shares).toEqual([
      { generation: 'v1', percent: 25 },
      { generation: 'v2', percent: 75 },
    ]);
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('aborted');
    expect(sim.share('v1')).toBe(100);
  });

  it('with stable broken the only healthy copy keeps the traffic, and a person may keep it for good', () => {
    const sim = withStable();
    sim.start(
      'v2',
      canary({ steps: [{ type: 'weight', percent: 100 }, { type: 'pause' }] }),
    );
    sim.run(30_000, () => sim.at === 'pause');
    sim.world.behave('v1', { neverReady: 'connection refused' });
    sim.command('abort');
    sim.run(90_000);
    expect(sim.share('v2')).toBe(100);
    expect(sim.rollout.paused?.detail).toMatchObject({
      code: 'stable-unavailable',
      evidence: 'connection refused',
    });
    sim.command('promote-full');
    sim.run(30_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(sim.record.stable?.generation).toBe('v2');
  });

  it('with stable broken a new release can still be brought in', () => {
    const sim = withStable();
    sim.world.behave('v1', { neverReady: 'connection refused' });
    sim.start('v2', canary());
    sim.run(120_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(sim.share('v2')).toBe(100);
  });

  it('a candidate that keeps crashing is rolled back at once, also while paused', () => {
    const sim = withStable();
    sim.start('v2', INDEFINITE);
    sim.run(30_000);
    sim.world.behave('v2', { crashLoops: true });
    sim.run(5_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('rolled-back');
    expect(sim.rollout.reason).toMatchObject({
      code: 'crash-loop',
      evidence: 'Error: cannot find module',
    });
  });

  it('one that was never seen down, but ended again and again, is rolled back too', () => {
    const sim = withStable();
    sim.start('v2', INDEFINITE);
    sim.run(30_000);
    for (let times = 0; times < 3; times++) {
      expect(sim.outcome).toBeUndefined();
      sim.world.hide('workloads', 'nobody looks', sim.nowMs);
      sim.world.crash('v2', 1, sim.nowMs);
      sim.run(5_000);
      sim.world.see();
      sim.run(5_000, () => sim.outcome !== undefined);
    }
    expect(sim.outcome).toBe('rolled-back');
    expect(sim.rollout.reason).toMatchObject({
      code: 'crash-loop',
      message: expect.stringMatching(/keeps crashing \(3 restarts\)/),
    });
  });

  it('instances that ended long ago do not speak against going back to them', () => {
    const sim = withStable();
    for (let times = 0; times < 3; times++) {
      sim.world.crash('v1', 4, sim.nowMs);
      sim.run(5_000);
    }
    sim.start('v2', canary({ scaleDownDelayMs: 600_000 }));
    sim.run(300_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    sim.start('v1', canary(), { kind: 'rollback' });
    sim.run(300_000, () => sim.finished.length > 2);
    expect(sim.finished.map(({ outcome }) => outcome)).toEqual([
      'succeeded',
      'succeeded',
      'succeeded',
    ]);
    expect(sim.record.stable?.generation).toBe('v1');
  });

  it('an instance that runs another digest than the release ends it', () => {
    const sim = withStable();
    sim.world.behave('v2', { digests: { app: 'sha256:moved' } });
    sim.start('v2', canary());
    sim.run(10_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('rolled-back');
    expect(sim.rollout.reason).toMatchObject({
      code: 'digest-mismatch',
      evidence: 'expected sha256:v2, found sha256:moved',
    });
    expect(
      sim.world.effects.some(
        e => e.kind === 'shares' && e.shares.some(s => s.generation === 'v2'),
      ),
    ).toBe(false);
  });

  it('a first release that is bad fails, with nothing to go back to and nothing left', () => {
    const sim = new Simulation();
    sim.world.behave('v1', { neverReady: 'HTTP 500' });
    sim.start('v1', ROLLING);
    sim.run(120_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('failed');
    expect(sim.record.stable).toBeUndefined();
    expect(sim.record.desired).toMatchObject({ generations: [], shares: [] });
    expect(sim.finished[0].hold).toBe(false);
  });

  it('a pause that nobody ends goes back by itself after a day', () => {
    const sim = withStable();
    sim.start('v2', INDEFINITE);
    sim.run(25 * 3_600_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('aborted');
    expect(sim.rollout.reason?.code).toBe('pause-ceiling');
  });
});
