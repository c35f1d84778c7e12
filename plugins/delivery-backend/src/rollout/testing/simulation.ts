import {
  AnalysisVerdict,
  Command,
  Desired,
  DeploymentVerb,
  GenerationRole,
  JobState,
  Observed,
  RolloutState,
  StrategyModel,
  TargetRecord,
  World,
} from '@slipway/backstage-plugin-delivery-common';
import { decide } from '../decide';
import { emptyRecord } from '../emptyRecord';
import { DecideOutput, RolloutEvent, RolloutRequest } from '../types';
import { SimulatedWorld, SimulatedWorldOptions } from './simulatedWorld';

/** A Plan's running copy, named for tests. */
export function role(
  name: string,
  options: Partial<GenerationRole> = {},
): GenerationRole {
  return {
    generation: name,
    planId: `plan-${name}`,
    releaseId: `release-${name}`,
    deploymentId: `deployment-${name}`,
    digests: { app: `sha256:${name}` },
    replicas: 4,
    ...options,
  };
}

/** Decisions about one Target in a simulated world, with a simulated clock. */
export class Simulation {
  readonly world: SimulatedWorld;
  record: TargetRecord = emptyRecord();
  nowMs: number;
  /** What the judges say now, by the run they are asked about. */
  verdictOf: (
    run: RolloutState['analyses'][number],
    nowMs: number,
  ) => Pick<AnalysisVerdict, 'verdict' | 'reason'> = () => ({});
  /** Called with every decision. */
  onDecision?: (decision: {
    before: TargetRecord;
    world: World;
    output: DecideOutput;
    nowMs: number;
  }) => void;
  /** How long every job takes, and how it ends. */
  jobTakesMs = 1_000;
  jobEnds: JobState = { phase: 'succeeded' };
  /** While set, no job can be seen or started. */
  jobsUnknown?: string;
  /** The keys that were started, in order. */
  readonly jobStarts: string[] = [];
  private readonly jobs = new Map<string, { atMs: number }>();
  /** While set, decisions are made but the world is not written. */
  shellIsAway = false;

  readonly events: RolloutEvent[] = [];
  readonly answers: DecideOutput['answers'] = [];
  readonly finished: DecideOutput['finished'] = [];
  /** Each desired state that differed from the one before. */
  readonly history: Array<{ atMs: number; desired: Desired }> = [];
  wakeAtMs?: number;
  private commands: Command[] = [];
  private pendingStart?: RolloutRequest;
  private serial = 0;

  constructor(options: SimulatedWorldOptions & { startMs?: number } = {}) {
    this.nowMs = options.startMs ?? 1_000_000;
    this.world = new SimulatedWorld(options);
  }

  /** Asks for a rollout with the next decision. */
  start(
    name: string,
    strategy: StrategyModel,
    options: Partial<RolloutRequest> & { role?: Partial<GenerationRole> } = {},
  ): RolloutRequest {
    const { role: roleOptions, ...rest } = options;
    const candidate = role(name, roleOptions);
    this.pendingStart = {
      deploymentId: candidate.deploymentId,
      attempt: 1,
      kind: 'deploy',
      candidate,
      strategy,
      progressDeadlineMs: 60_000,
      ...rest,
    };
    return this.pendingStart;
  }

  /** A person's verb, given to the next decision. */
  command(verb: DeploymentVerb, reason?: string): string {
    this.serial += 1;
    const id = `command-${this.serial}`;
    this.commands.push({
      id,
      verb,
      subjectKind: 'deployment',
      subjectId: this.record.rollout?.deploymentId ?? 'none',
      actor: { type: 'user', ref: 'user:default/ann' },
      ...(reason ? { reason } : {}),
      createdAtMs: this.nowMs,
    });
    return id;
  }

  /** One decision, and the write of what it wants. */
  tick(): DecideOutput {
    const before = this.record;
    const world = this.world.observe(this.nowMs);
    const output = decide({
      record: before,
      ...(this.pendingStart ? { start: this.pendingStart } : {}),
      world,
      commands: this.commands,
      verdicts: this.verdicts(),
      jobs: this.jobsSeen(),
      nowMs: this.nowMs,
    });
    this.pendingStart = undefined;
    this.commands = [];
    this.record = output.record;
    this.events.push(...output.events);
    this.answers.push(...output.answers);
    this.finished.push(...output.finished);
    if (before.desired.revision !== output.record.desired.revision) {
      this.history.push({ atMs: this.nowMs, desired: output.record.desired });
    }
    this.wakeAtMs = output.wakeAtMs;
    this.onDecision?.({ before, world, output, nowMs: this.nowMs });
    if (!this.shellIsAway) {
      this.startJobs();
      this.world.apply(output.record.desired, this.nowMs);
    }
    return output;
  }

  /** Lets time pass as the engine does: decides whenever a decision asked to be woken. */
  run(forMs: number, until: () => boolean = () => false): void {
    const endMs = this.nowMs + forMs;
    this.tick();
    while (!until()) {
      const next = Math.min(
        endMs,
        Math.max(this.nowMs + 100, this.wakeAtMs ?? endMs),
      );
      if (next >= endMs && this.nowMs >= endMs) {
        return;
      }
      this.nowMs = next;
      this.tick();
    }
  }

  /** Time passes while nobody decides. */
  beAway(forMs: number): void {
    this.nowMs += forMs;
  }

  get rollout(): RolloutState {
    if (!this.record.rollout) {
      throw new Error('The simulation has no rollout');
    }
    return this.record.rollout;
  }

  /** The step the rollout stands at: "pause", "finished". */
  get at(): string {
    const { phase, steps, stepIndex } = this.rollout;
    return phase === 'stepping' ? steps[stepIndex].step.type : phase;
  }

  get outcome(): string | undefined {
    return this.record.rollout?.outcome;
  }

  share(generation: string): number {
    return (
      this.record.desired.shares.find(s => s.generation === generation)
        ?.percent ?? 0
    );
  }

  replicas(generation: string): number | undefined {
    return this.record.desired.generations.find(
      g => g.generation === generation,
    )?.replicas;
  }

  answer(commandId: string): DecideOutput['answers'][number] | undefined {
    return this.answers.find(a => a.commandId === commandId);
  }

  private jobsSeen(): Record<string, Observed<JobState>> {
    return Object.fromEntries(
      (this.record.rollout?.steps ?? []).flatMap(({ jobKey }) => {
        if (jobKey === undefined) {
          return [];
        }
        const job = this.jobs.get(jobKey);
        const ended = job && this.nowMs >= job.atMs + this.jobTakesMs;
        const begun: JobState = job
          ? { phase: 'running' }
          : { phase: 'absent' };
        const state = ended ? this.jobEnds : begun;
        return [
          [
            jobKey,
            this.jobsUnknown === undefined
              ? { known: state, observedAtMs: this.nowMs, reflects: 0 }
              : { unknown: this.jobsUnknown, sinceMs: this.nowMs },
          ],
        ];
      }),
    );
  }

  /** What the shell does after a decision: the key names the one run. */
  private startJobs(): void {
    const { rollout } = this.record;
    const step = rollout?.steps[rollout.stepIndex];
    const key = step?.jobKey;
    if (
      rollout?.phase === 'stepping' &&
      step?.status === 'active' &&
      key !== undefined &&
      this.jobsUnknown === undefined &&
      !this.jobs.has(key)
    ) {
      this.jobs.set(key, { atMs: this.nowMs });
      this.jobStarts.push(key);
    }
  }

  private verdicts(): Record<string, AnalysisVerdict> {
    const runs = this.record.rollout?.analyses ?? [];
    return Object.fromEntries(
      runs
        .filter(run => run.status === 'running')
        .map(run => [
          run.id,
          {
            analysisId: run.id,
            metrics: [],
            ...this.verdictOf(run, this.nowMs),
          },
        ]),
    );
  }
}
