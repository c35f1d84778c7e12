import {
  Deployment,
  GateState,
  Hold,
} from '@slipway/backstage-plugin-delivery-common';
import { isAutomation } from './hold';

/** What is known of the environment that an `after` gate names. */
export interface AfterInput {
  ref: string;
  healthyForMs: number;
  /** The release that is stable there; absent: none, or no such target. */
  stableReleaseId?: string;
  /** Absent: not healthy now, or not known. */
  healthySinceMs?: number;
  /** Why it is not healthy or not known, for people. */
  detail?: string;
}

export interface GatesInput {
  deployment: Pick<
    Deployment,
    'kind' | 'createdBy' | 'releaseId' | 'releaseVersion'
  >;
  hold?: Hold;
  after: AfterInput[];
  nowMs: number;
}

export interface GatesResult {
  open: boolean;
  gates: GateState[];
  /** Conditions that a person's decision stands in for; to be written down, never silent. */
  bypassed: GateState[];
  /** When a gate opens if nothing changes. */
  opensAtMs?: number;
}

/** 500 ms, 4 s, 2 min 5 s, 1 h 3 min */
export function describeDuration(ms: number): string {
  if (ms < 1000) {
    return `${Math.max(0, Math.floor(ms))} ms`;
  }
  const seconds = Math.floor(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const parts = [
    hours ? `${hours} h` : '',
    minutes ? `${minutes} min` : '',
    !hours && seconds % 60 ? `${seconds % 60} s` : '',
  ].filter(Boolean);
  return parts.join(' ');
}

function holdGate(hold: Hold): GateState {
  return {
    gate: 'hold',
    open: false,
    message: `Automation is on hold since ${new Date(
      hold.sinceMs,
    ).toISOString()}: ${hold.reason}. Release the hold to go on`,
  };
}

function afterGate(
  after: AfterInput,
  input: GatesInput,
): GateState & { untilMs?: number } {
  const { deployment, nowMs } = input;
  const closed = (message: string, untilMs?: number): GateState => ({
    gate: 'after',
    open: false,
    message,
    ...(untilMs === undefined ? {} : { untilMs }),
  });
  if (after.stableReleaseId !== deployment.releaseId) {
    return closed(
      `${deployment.releaseVersion} is not what is stable in ${after.ref} yet`,
    );
  }
  if (after.healthySinceMs === undefined) {
    return closed(
      `${after.ref} is not seen healthy${
        after.detail ? `: ${after.detail}` : ''
      }; it has to be for ${describeDuration(after.healthyForMs)}`,
    );
  }
  const healthyMs = Math.max(0, nowMs - after.healthySinceMs);
  const message = `${after.ref} is healthy for ${describeDuration(
    Math.min(healthyMs, after.healthyForMs),
  )} of ${describeDuration(after.healthyForMs)}`;
  return healthyMs >= after.healthyForMs
    ? { gate: 'after', open: true, message }
    : closed(message, after.healthySinceMs + after.healthyForMs);
}

/**
 * The conditions before a deployment may start. A hold and the soak of other
 * environments bind what no person stands behind. A person goes on in spite of
 * them, and what they went past is returned so that it is written down.
 */
export function evaluateGates(input: GatesInput): GatesResult {
  const { deployment, hold } = input;
  const all = [
    ...(hold ? [holdGate(hold)] : []),
    // A rollback restores what has been here before; a restart changes nothing.
    ...(deployment.kind === 'deploy'
      ? input.after.map(after => afterGate(after, input))
      : []),
  ];
  if (!isAutomation(deployment.createdBy)) {
    return {
      open: true,
      gates: [],
      bypassed: all.filter(gate => !gate.open),
    };
  }
  const closed = all.filter(gate => !gate.open);
  const opensAtMs = closed.every(gate => gate.untilMs !== undefined)
    ? Math.max(...closed.map(gate => gate.untilMs ?? 0))
    : undefined;
  return {
    open: closed.length === 0,
    gates: all,
    bypassed: [],
    ...(closed.length > 0 && opensAtMs !== undefined ? { opensAtMs } : {}),
  };
}
