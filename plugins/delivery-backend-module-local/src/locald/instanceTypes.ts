import {
  Digest,
  InstancePhase,
} from '@slipway/backstage-plugin-delivery-common';
import { BackoffPolicy } from './backoff';
import { TargetLog } from './logs';
import { RunSpec } from './protocol';
import { InstanceRecord } from './state';

/** What has to be known to start the process; made anew for each start. */
export interface LaunchPlan {
  digest: Digest;
  args: string[];
  cwd: string;
  env: Record<string, string>;
}

export interface InstanceOptions {
  record: InstanceRecord;
  generation: string;
  spec: RunSpec;
  log: TargetLog;
  directory: string;
  backoff?: BackoffPolicy;
  /** A free port for the next start. */
  takePort(): Promise<number>;
  /** Errors: whatever makes the start impossible for now. */
  prepare(
    port: number | undefined,
    homeDirectory: string,
    onPhase: (phase: InstancePhase) => void,
  ): Promise<LaunchPlan>;
  /** The record was changed; resolves when that is on disk. */
  persist(): Promise<void>;
  onChange(): void;
}
