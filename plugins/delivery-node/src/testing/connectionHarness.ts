import {
  GenerationState,
  TargetRef,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection, Plan } from '../ports';
import { poll } from './poll';

/** How the plan's service behaves. @public */
export type SampleBehaviour =
  /** Becomes ready, answers every request, writes a line for each. */
  | 'good'
  /** Runs, and its readiness probe never succeeds. */
  | 'never-ready'
  /** Ends soon after each start, having written "the till is empty". */
  | 'crashing';

/**
 * A real world behind a connection, for the contract tests. Each contract
 * makes one, uses targets of its own, and closes it.
 *
 * @public
 */
export interface ConnectionHarness {
  connection: Connection;
  /** A target that nothing else uses. */
  newTarget(): TargetRef;
  /**
   * A Plan of one instance, with its image where the world can get it. Its
   * manifests hold something that the environment ignores where there is
   * such a thing.
   */
  plan(
    target: TargetRef,
    sample: { version: string; behaviour?: SampleBehaviour },
  ): Promise<Plan>;
  /** One request to the service as its users send it; the version that answered. */
  request(
    target: TargetRef,
    options?: { headers?: Record<string, string> },
  ): Promise<{ status: number; version?: string }>;
  /**
   * How many requests the instances of a generation have answered, as they say
   * themselves. Only for worlds whose router copies requests.
   */
  answered?(target: TargetRef, generation: string): Promise<number>;
  close(): Promise<void>;
}

/** @public */
export type ConnectionHarnessFactory = () => Promise<ConnectionHarness>;

/** The never aborted signal of the contract tests. */
export const quiet = new AbortController().signal;

/** The state of one generation; an error when the world says it is unknown. */
export async function stateOf(
  harness: ConnectionHarness,
  target: TargetRef,
  generation: string,
): Promise<GenerationState | undefined> {
  const observed = await harness.connection.workloads.observe(target, quiet);
  if (!('known' in observed)) {
    throw new Error(observed.unknown);
  }
  return observed.known.generations.find(
    state => state.generation === generation,
  );
}

/** Ensures a generation and waits until all of it is ready. */
export async function bringUp(
  harness: ConnectionHarness,
  target: TargetRef,
  wanted: {
    generation: string;
    plan: Plan;
    replicas: number;
    revision: number;
    epoch?: number;
    track?: string;
    shares?: TrafficShare[];
  },
): Promise<GenerationState> {
  const { workloads, traffic } = harness.connection;
  const { generation, plan, replicas, revision, epoch = 1 } = wanted;
  const fence = { epoch, revision };
  await workloads.ensure(
    target,
    fence,
    { generation, plan, replicas, track: wanted.track ?? 'stable' },
    quiet,
  );
  const state = await poll(`${replicas} ready of ${generation}`, async () => {
    const now = await stateOf(harness, target, generation);
    return now?.ready === replicas && now.instances.length === replicas && now;
  });
  if (wanted.shares) {
    await traffic.request(target, fence, wanted.shares, quiet);
  }
  return state;
}
