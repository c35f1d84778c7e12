import fc from 'fast-check';
import {
  DeploymentVerb,
  HookModel,
  JobState,
  StrategyModel,
  VerdictKind,
} from '@slipway/backstage-plugin-delivery-common';
import {
  ANALYSIS,
  blueGreen,
  canary,
  checkPromises,
  Decision,
  ROLLING,
  Simulation,
} from './testing';

/** What happens to a target, in any order. */
type Happening =
  | { type: 'wait'; ms: number }
  | { type: 'away'; ms: number }
  | {
      type: 'start';
      name: number;
      strategy: number;
      kind: 0 | 1;
      replicas: number;
      /** A rolling strategy is led by the environment's controller. */
      led?: boolean;
      hooked?: boolean;
    }
  | { type: 'jobs-say'; how: number }
  | { type: 'verb'; verb: DeploymentVerb }
  | { type: 'crash'; name: number; count: number }
  | { type: 'hide'; what: 'workloads' | 'traffic' | 'both' }
  | { type: 'see' }
  | { type: 'freeze' }
  | { type: 'judges-say'; verdict: VerdictKind | undefined }
  | { type: 'behave'; name: number; how: number }
  | { type: 'rewrite'; name: number }
  | { type: 'by-hand'; name: number }
  | { type: 'shell'; away: boolean };

const STRATEGIES: StrategyModel[] = [
  ROLLING,
  { type: 'rolling', maxSurge: { count: 0 }, maxUnavailable: { count: 1 } },
  { type: 'rolling', maxSurge: { percent: 100 }, maxUnavailable: { count: 0 } },
  canary(),
  canary({
    steps: [
      { type: 'weight', percent: 10 },
      { type: 'analysis', analysis: ANALYSIS },
      { type: 'weight', percent: 60 },
      { type: 'weight', percent: 30 },
      { type: 'pause' },
    ],
    rollbackWindow: 2,
    background: { ...ANALYSIS, startingStep: 2 },
  }),
  canary({
    steps: [
      { type: 'route', headers: [{ name: 'x-canary', value: 'always' }] },
      { type: 'mirror', percent: 30 },
      { type: 'analysis', analysis: ANALYSIS },
      { type: 'weight', percent: 20 },
      { type: 'route', headers: [] },
      { type: 'pause', durationMs: 10_000 },
      { type: 'weight', percent: 50 },
      { type: 'route', headers: [{ name: 'x-canary', value: 'again' }] },
      { type: 'mirror', percent: 0 },
    ],
  }),
  canary({
    steps: [
      { type: 'mirror', percent: 100 },
      { type: 'pause' },
      { type: 'weight', percent: 50 },
    ],
  }),
  blueGreen({ previewReplicas: 1, preAnalysis: ANALYSIS }),
  blueGreen({
    autoPromoteAfterMs: 5_000,
    postAnalysis: ANALYSIS,
    rollbackWindow: 1,
  }),
];
const VERBS: DeploymentVerb[] = [
  'promote',
  'promote-full',
  'skip-step',
  'pause',
  'resume',
  'abort',
  'retry',
  'cancel',
];
const HOOKS: HookModel[] = [
  { job: 'migrate', at: 'before', deadlineMs: 30_000 },
  { job: 'smoke', at: 'after', deadlineMs: 30_000 },
];
/** How jobs end, how long they take, and why nobody sees them. */
const JOBS: Array<{ ends: JobState; takesMs: number; unknown?: string }> = [
  { ends: { phase: 'succeeded' }, takesMs: 1_000 },
  { ends: { phase: 'failed', message: 'exit code 1' }, takesMs: 1_000 },
  { ends: { phase: 'lost' }, takesMs: 1_000 },
  { ends: { phase: 'succeeded' }, takesMs: Infinity },
  { ends: { phase: 'succeeded' }, takesMs: 0, unknown: 'away' },
];
const BEHAVIOURS = [
  {},
  {},
  { neverReady: 'HTTP 503' },
  { crashLoops: true },
  { digests: { app: 'sha256:other' } },
  { readyAfterMs: 40_000 },
];

const name = fc.integer({ min: 1, max: 5 });
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('wait' as const),
      ms: fc.constantFrom(100, 1_000, 4_000, 15_000, 70_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('away' as const),
      ms: fc.constantFrom(-20_000, 5_000, 100_000, 3_600_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('start' as const),
      name,
      strategy: fc.nat({ max: STRATEGIES.length - 1 }),
      kind: fc.constantFrom(0 as const, 1 as const),
      replicas: fc.integer({ min: 1, max: 5 }),
      led: fc.boolean(),
      hooked: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('by-hand' as const), name }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('verb' as const),
      verb: fc.constantFrom(...VERBS),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('crash' as const),
      name,
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('hide' as const),
      what: fc.constantFrom(
        'workloads' as const,
        'traffic' as const,
        'both' as const,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ type: 'see' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'freeze' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('judges-say' as const),
      verdict: fc.constantFrom(
        'pass' as const,
        'pass' as const,
        'fail' as const,
        'inconclusive' as const,
        'error' as const,
        undefined,
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('jobs-say' as const),
      how: fc.nat({ max: JOBS.length - 1 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('behave' as const),
      name,
      how: fc.nat({ max: BEHAVIOURS.length - 1 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('rewrite' as const), name }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('shell' as const),
      away: fc.boolean(),
    }),
  },
);

const lags = fc.record({
  workloadLagMs: fc.constantFrom(0, 50, 3_000),
  routerLagMs: fc.constantFrom(0, 50, 5_000),
  readyAfterMs: fc.constantFrom(0, 2_000, 10_000),
  restartAfterMs: fc.constantFrom(500, 10_000),
});

/** Nothing of a release starts before its jobs have run or were skipped by name. */
function checkHooks({ before, output }: Decision): void {
  const { rollout, desired } = output.record;
  const open = rollout?.steps.find(
    ({ step, status }) =>
      step.type === 'hook' &&
      step.at === 'before' &&
      status !== 'done' &&
      status !== 'skipped',
  );
  const replicasIn = (state: typeof desired) =>
    state.generations.find(
      ({ generation }) => generation === rollout?.candidate.generation,
    )?.replicas ?? 0;
  if (
    open &&
    rollout?.phase === 'stepping' &&
    replicasIn(desired) > replicasIn(before.desired)
  ) {
    throw new Error(
      `The candidate grew before its job has run: ${JSON.stringify(rollout)}`,
    );
  }
}

class Life {
  readonly sim: Simulation;
  private deployments = 0;
  private said: VerdictKind | undefined;
  readonly ended = new Map<string, string>();

  constructor(options: ConstructorParameters<typeof Simulation>[0]) {
    this.sim = new Simulation(options);
    this.sim.verdictOf = () =>
      this.said === undefined
        ? {}
        : {
            verdict: this.said,
            reason: {
              code:
                this.said === 'fail' ? 'metric-failed' : `metric-${this.said}`,
              message: `the judges say ${this.said}`,
            },
          };
    this.sim.onDecision = decision => {
      checkPromises(decision);
      for (const { deploymentId, outcome } of decision.output.finished) {
        if (this.ended.has(deploymentId)) {
          throw new Error(`Deployment ${deploymentId} ended twice`);
        }
        this.ended.set(deploymentId, outcome);
      }
      const { jobStarts } = this.sim;
      if (new Set(jobStarts).size !== jobStarts.length) {
        throw new Error(`A job was started twice: ${jobStarts.join()}`);
      }
      checkHooks(decision);
      // One active deployment at most: every other one has ended.
      const { rollout } = decision.output.record;
      for (let i = 1; i <= this.deployments; i += 1) {
        const id = `deployment-${i}`;
        const isCurrent = rollout?.deploymentId === id;
        if (!isCurrent && !this.ended.has(id)) {
          throw new Error(`Deployment ${id} was lost`);
        }
      }
    };
  }

  happen(what: Happening): void {
    const { sim } = this;
    switch (what.type) {
      case 'wait':
        sim.run(what.ms);
        break;
      case 'away':
        sim.beAway(what.ms);
        break;
      case 'start':
        this.deployments += 1;
        sim.start(`v${what.name}`, STRATEGIES[what.strategy], {
          deploymentId: `deployment-${this.deployments}`,
          kind: what.kind === 1 ? 'rollback' : 'deploy',
          ...(what.led && STRATEGIES[what.strategy].type === 'rolling'
            ? { delegated: { leader: 'The controller', program: {} } }
            : {}),
          ...(what.hooked ? { hooks: HOOKS } : {}),
          role: {
            deploymentId: `deployment-${this.deployments}`,
            // The same Plan asks for the same number.
            replicas: 1 + (what.name % 5),
          },
        });
        sim.tick();
        break;
      case 'verb':
        sim.command(what.verb);
        sim.tick();
        break;
      case 'crash':
        sim.world.crash(`v${what.name}`, what.count, sim.nowMs);
        sim.tick();
        break;
      case 'hide':
        sim.world.hide(what.what, 'connection refused', sim.nowMs);
        break;
      case 'see':
        sim.world.see();
        break;
      case 'freeze':
        sim.world.freeze(sim.nowMs);
        break;
      case 'judges-say':
        this.said = what.verdict;
        break;
      case 'behave':
        sim.world.behave(`v${what.name}`, BEHAVIOURS[what.how]);
        break;
      case 'jobs-say':
        sim.jobEnds = JOBS[what.how].ends;
        sim.jobTakesMs = JOBS[what.how].takesMs;
        sim.jobsUnknown = JOBS[what.how].unknown;
        break;
      case 'by-hand':
        sim.world.rollByHand(`v${what.name}`, sim.nowMs);
        break;
      case 'rewrite':
        sim.world.rewriteShares([
          { generation: `v${what.name}`, percent: 100 },
        ]);
        break;
      default:
        sim.shellIsAway = what.away;
    }
  }

  /** Everything gets well, and nobody does anything any more. */
  heal(): void {
    for (let i = 1; i <= 5; i += 1) {
      this.sim.world.behave(`v${i}`, {});
    }
    this.sim.world.see();
    this.sim.shellIsAway = false;
    this.said = 'pass';
    this.happen({ type: 'jobs-say', how: 0 });
  }
}

describe('the promises hold whatever happens', () => {
  const numRuns = Number(process.env.FC_RUNS ?? 150);

  it('promises 3, 4, 6, 7 and 8 hold with every decision, and every deployment ends', () => {
    fc.assert(
      fc.property(
        lags,
        fc.array(happening, { minLength: 3, maxLength: 40, size: '+1' }),
        (options, script) => {
          const life = new Life(options);
          life.happen({
            type: 'start',
            name: 1,
            strategy: 3,
            kind: 0,
            replicas: 3,
          });
          life.happen({ type: 'wait', ms: 70_000 });
          script.forEach(what => life.happen(what));
          life.heal();
          const { sim } = life;
          sim.run(
            3 * 25 * 3_600_000,
            () =>
              sim.record.rollout?.phase === 'finished' &&
              sim.record.draining.length === 0,
          );
          expect(sim.record.rollout?.phase).toBe('finished');
          expect(sim.record.draining).toEqual([]);
          sim.run(120_000);
          const { stable } = sim.record;
          // In a world that is well again, everything is on stable, really.
          const truth = sim.world.truth(sim.nowMs);
          expect(truth.shares).toEqual(
            stable ? [{ generation: stable.generation, percent: 100 }] : [],
          );
          expect(truth.routes).toEqual([]);
          expect(truth.ready).toEqual(
            stable ? { [stable.generation]: stable.replicas } : {},
          );
        },
      ),
      // Bounded on a machine that is busy with other things.
      { numRuns, interruptAfterTimeLimit: 60_000 * (numRuns > 150 ? 9 : 1) },
    );
  }, 240_000);
});
