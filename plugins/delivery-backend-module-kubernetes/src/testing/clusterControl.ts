import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describeOnCluster } from './describeOnCluster';

const CONTROL_LIMIT_MS = 180_000;

/** What can be killed, in the order in which it is started again. */
const PARTS = [
  'etcd',
  'apiserver',
  'registry',
  'containerd2',
  'kubelet2',
  'contour',
  'envoy',
] as const;

export type ClusterPart = (typeof PARTS)[number];

/** Kills and starts parts of the tests' cluster. */
export interface ClusterControl {
  /** As `kill -9` does. */
  kill(part: ClusterPart): Promise<void>;
  /** What runs already is left alone. */
  start(part: ClusterPart): Promise<void>;
  /** Starts everything that was killed and not started since. */
  restore(): Promise<void>;
}

function createClusterControl(program: string): ClusterControl {
  const dead = new Set<ClusterPart>();
  const run = async (verb: 'kill' | 'start', part: ClusterPart) => {
    await promisify(execFile)(program, [verb, part], {
      timeout: CONTROL_LIMIT_MS,
    });
  };
  const start = async (part: ClusterPart) => {
    await run('start', part);
    dead.delete(part);
  };
  return {
    async kill(part) {
      dead.add(part);
      await run('kill', part);
    },
    start,
    async restore() {
      for (const part of PARTS.filter(name => dead.has(name))) {
        await start(part);
      }
    },
  };
}

/**
 * A suite that kills parts of a real cluster, by the program that
 * `SLIPWAY_CLUSTER_CONTROL` names: `kill envoy`, `start contour`. A cluster that
 * is shared has none, and the suite is skipped, loudly.
 */
export function describeWithControl(
  name: string,
  suite: (control: ClusterControl) => void,
): void {
  const program = process.env.SLIPWAY_CLUSTER_CONTROL;
  if (!program) {
    // eslint-disable-next-line no-console
    console.warn(`SKIPPED ${name}: needs SLIPWAY_CLUSTER_CONTROL`);
    describe.skip(name, () => suite(createClusterControl('false')));
    return;
  }
  describeOnCluster(name, () => suite(createClusterControl(program)));
}
