import { LoggerService } from '@backstage/backend-plugin-api';
import {
  DeploymentVerb,
  Deployment,
  TargetRef,
  TargetVerb,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { EnvironmentConfig } from '../../definition';
import { DeliveryStore } from '../../store';
import { createEngineContext, EngineContext } from '../context';
import { requestDeployment } from '../requests';
import { runTargetTick } from '../targetTick';
import { DeploymentRequest, EngineTuning, Rooms } from '../types';

export function silentLogger(lines: string[] = []): LoggerService {
  const logger: LoggerService = {
    error: message => lines.push(message),
    warn: message => lines.push(message),
    info: () => {},
    debug: () => {},
    child: () => logger,
  };
  return logger;
}

/** One process of the engine, without timers: a test says when it works. */
export class Driver {
  readonly context: EngineContext;
  readonly log: string[] = [];
  private readonly killed = new AbortController();
  private serial = 0;

  constructor(
    private readonly options: {
      store: DeliveryStore;
      clock: { nowMs: number };
      connections: ReadonlyMap<string, Connection>;
      environments: EnvironmentConfig[];
      rooms: Partial<Rooms>;
      owner?: string;
      tuning?: Partial<EngineTuning>;
    },
  ) {
    this.context = createEngineContext({
      ...options,
      clock: { now: () => options.clock.nowMs },
      logger: silentLogger(this.log),
      tuning: { restCheckMs: 1e12, ...options.tuning },
    });
  }

  get signal(): AbortSignal {
    return this.killed.signal;
  }

  /** Nothing of this process runs on; it gives nothing back. */
  kill(): void {
    this.killed.abort(new Error('killed'));
  }

  /** Claims and works on what is due; the number of ticks. */
  async work(): Promise<number> {
    const leases = await this.context.store.work.claim({
      owner: this.options.owner ?? 'driver',
      limit: 16,
      leaseMs: this.context.tuning.leaseMs,
      kinds: ['target'],
    });
    for (const lease of leases) {
      await runTargetTick(
        this.context,
        lease,
        performance.now(),
        this.killed.signal,
      );
    }
    return leases.length;
  }

  /** Lets simulated time pass until something is so. */
  async until(
    what: string,
    isSo: () => Promise<boolean>,
    forMs: number = 120_000,
  ): Promise<void> {
    const { clock } = this.options;
    const endMs = clock.nowMs + forMs;
    while (!(await isSo())) {
      if (clock.nowMs > endMs) {
        throw new Error(
          `Not so after ${forMs} simulated ms: ${what}\n${this.log.join('\n')}`,
        );
      }
      if ((await this.work()) === 0) {
        clock.nowMs += 50;
      }
    }
  }

  async pass(forMs: number): Promise<void> {
    const endMs = this.options.clock.nowMs + forMs;
    await this.until(
      `${forMs} ms pass`,
      async () => this.options.clock.nowMs >= endMs,
      forMs + 1_000,
    );
  }

  async deploy(
    request: Pick<DeploymentRequest, 'service' | 'environment' | 'releaseId'> &
      Partial<DeploymentRequest>,
  ): Promise<Deployment> {
    return await requestDeployment(this.context, {
      kind: 'deploy',
      actor: { type: 'user', ref: 'user:default/ann' },
      cause: 'because',
      ...request,
    });
  }

  async ended(id: string, forMs?: number): Promise<Deployment> {
    await this.until(
      `deployment ${id} ended`,
      async () => (await this.deployment(id)).outcome !== undefined,
      forMs,
    );
    return await this.deployment(id);
  }

  async reached(id: string, status: Deployment['status']): Promise<Deployment> {
    await this.until(
      `deployment ${id} is ${status}`,
      async () => (await this.deployment(id)).status === status,
    );
    return await this.deployment(id);
  }

  async deployment(id: string): Promise<Deployment> {
    const row = await this.options.store.deployments.get(id);
    if (!row) {
      throw new Error(`There is no deployment ${id}`);
    }
    return row;
  }

  /** A person's verb and what it was answered. */
  async command(
    subject: { deployment: string } | { target: TargetRef },
    verb: DeploymentVerb | TargetVerb,
    reason?: string,
  ): Promise<{ accepted: boolean; message: string }> {
    this.serial += 1;
    const id = `command-${this.options.clock.nowMs}-${this.serial}`;
    const isDeployment = 'deployment' in subject;
    await this.options.store.commands.add({
      id,
      verb,
      subjectKind: isDeployment ? 'deployment' : 'target',
      subjectId: isDeployment
        ? subject.deployment
        : stringifyTarget(subject.target),
      actor: { type: 'user', ref: 'user:default/ann' },
      createdAtMs: this.options.clock.nowMs,
      ...(reason ? { reason } : {}),
    });
    const answer = async () => await this.options.store.commands.getAnswer(id);
    await this.until(`${verb} is answered`, async () =>
      Boolean(await answer()),
    );
    const given = await answer();
    if (!given) {
      throw new Error(`${verb} was not answered`);
    }
    return given;
  }
}
