import { EventNote, isAboutContainer } from './events';
import { imagePullCause } from './imagePull';
import { Container, ContainerEnd, ContainerStatus, timeMs } from './objects';
import { missingReference } from './references';
import { NamedCause } from './types';

const MAX_EVIDENCE = 4_000;

const SIGNALS: Record<number, string> = {
  6: 'SIGABRT',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  15: 'SIGTERM',
};

/** One container with all that is known of it. */
export interface ContainerView {
  status: ContainerStatus;
  spec?: Container;
  /** Of its pod, newest first. */
  events: EventNote[];
  nowMs: number;
  lastLines?: ReadonlyMap<string, string>;
}

/** Why a container does not run; `undefined` when it does, or only waits its turn. */
export function causeOfContainer(view: ContainerView): NamedCause | undefined {
  const { state, lastState } = view.status;
  const waiting = causeOfWaiting(view);
  if (waiting) {
    return waiting;
  }
  // While it is being started again, its last end is why it is not ready.
  const end =
    state?.terminated ?? (state?.running ? undefined : lastState?.terminated);
  return end && causeOfEnd(view, end);
}

function causeOfWaiting(view: ContainerView): NamedCause | undefined {
  const { status, spec, events, nowMs } = view;
  const { waiting } = status.state ?? {};
  if (!waiting) {
    return undefined;
  }
  const { reason, message = '' } = waiting;
  const mine = events.filter(note => isAboutContainer(note, status.name));
  const failed = mine.filter(note => note.reason === 'Failed');
  const sinceMs = failed.at(-1)?.firstAtMs ?? nowMs;
  const pull = imagePullCause(
    status,
    spec?.image ?? status.image ?? status.name,
    failed.map(note => note.message).filter(text => /image|pull/i.test(text)),
    sinceMs,
  );
  if (pull) {
    return pull;
  }
  if (reason === 'CreateContainerConfigError') {
    return missingReference(message, sinceMs) ?? containerConfig(view, sinceMs);
  }
  if (
    reason === 'CreateContainerError' ||
    reason === 'RunContainerError' ||
    reason === 'PostStartHookError'
  ) {
    return cannotStart(status.name, message || `${reason}`, sinceMs);
  }
  if (reason === 'CrashLoopBackOff') {
    const end = status.lastState?.terminated;
    return end
      ? causeOfEnd(view, end)
      : {
          code: 'crash-loop',
          summary: `The container ${status.name} ends again and again`,
          evidence: message,
          action: 'Read its log for why it ends',
          sinceMs,
        };
  }
  return undefined;
}

function containerConfig(view: ContainerView, sinceMs: number): NamedCause {
  const { waiting } = view.status.state ?? {};
  const message = waiting?.message ?? 'no reason given';
  if (
    /runAsNonRoot|non-root policy|non-numeric user|will run as root/i.test(
      message,
    )
  ) {
    return {
      code: 'run-as-root-refused',
      summary: `The container ${view.status.name} would run as root, which its securityContext forbids`,
      evidence: message,
      action:
        'Let the image name a numeric user that is not 0 (USER 1000), or set runAsUser in the manifests',
      sinceMs,
    };
  }
  return {
    code: 'container-config',
    summary: `The container ${view.status.name} cannot be configured`,
    evidence: message,
    action: 'Correct what the message names in the manifests',
    sinceMs,
  };
}

function cannotStart(name: string, message: string, sinceMs: number) {
  if (/exec format error/i.test(message)) {
    return {
      code: 'image-pull-platform' as const,
      summary: `The program of the container ${name} is for another platform than its node's`,
      evidence: message,
      action:
        'Build the image for the platforms of the nodes, or choose nodes of its platform by nodeSelector kubernetes.io/arch',
      sinceMs,
    };
  }
  return {
    code: 'start-failed' as const,
    summary: `The container ${name} cannot be started`,
    evidence: message,
    action: /executable file not found|no such file/i.test(message)
      ? 'The image does not hold the program that it should run: correct command, args or the image'
      : 'Correct what the message names in the manifests or the image',
    sinceMs,
  };
}

function describeEnd(end: ContainerEnd): string {
  const signal = end.signal || (end.exitCode ?? 0) - 128;
  if (signal > 0 && SIGNALS[signal]) {
    return `was killed by ${SIGNALS[signal]}`;
  }
  return `ended with exit code ${end.exitCode ?? 'unknown'}`;
}

/** A container that ended, and how often it did. */
function causeOfEnd(view: ContainerView, end: ContainerEnd): NamedCause {
  const { status, spec, events, nowMs } = view;
  const restarts = status.restartCount ?? 0;
  const sinceMs = timeMs(end.finishedAt) ?? nowMs;
  const lines = lastWords(view, end);
  if (end.reason === 'OOMKilled') {
    const limit = spec?.resources?.limits?.memory;
    return {
      code: 'out-of-memory',
      summary: `The container ${
        status.name
      } was killed for using more memory than ${
        limit ? `its limit of ${limit}` : 'its node has'
      }${times(restarts)}`,
      evidence: join(`OOMKilled, exit code ${end.exitCode ?? 137}`, lines),
      action: limit
        ? 'Raise resources.limits.memory, or find what uses the memory'
        : 'Set resources.requests.memory to what it needs, so that it gets a node that has it',
      sinceMs,
    };
  }
  if (
    end.reason === 'StartError' ||
    end.reason === 'ContainerCannotRun' ||
    /exec format error/i.test(lines)
  ) {
    return cannotStart(
      status.name,
      end.message ?? (lines || 'it could not be started'),
      sinceMs,
    );
  }
  const kill = events.find(
    note =>
      note.reason === 'Killing' &&
      isAboutContainer(note, status.name) &&
      /failed (liveness|startup) probe/i.test(note.message),
  );
  if (kill) {
    const answer = events.find(
      note =>
        note.reason === 'Unhealthy' && isAboutContainer(note, status.name),
    );
    const [, probe] =
      kill.message.match(/failed (liveness|startup) probe/i) ?? [];
    return {
      code: 'probe-failing',
      summary: `The container ${
        status.name
      } is restarted because its ${probe} probe fails${times(restarts)}`,
      evidence: join(answer?.message ?? kill.message, lines),
      action:
        probe === 'startup'
          ? 'See why it does not start in time; a slow start needs a greater failureThreshold of the startup probe'
          : 'See what the probe asks and why it is not answered; a liveness probe should not depend on other services',
      sinceMs,
    };
  }
  const looping =
    restarts >= 1 && status.state?.waiting?.reason === 'CrashLoopBackOff';
  return {
    code: looping ? 'crash-loop' : 'exited',
    summary: `The container ${status.name} ${describeEnd(end)}${
      looping ? `, again and again (${restarts} restarts)` : times(restarts)
    }`,
    evidence: join(
      `${end.reason ?? 'Ended'}, exit code ${end.exitCode ?? 'unknown'}`,
      lines,
    ),
    action:
      end.exitCode === 0
        ? 'A service must not end by itself: see what its command does'
        : 'Read the last lines of its log for why it ends',
    sinceMs,
  };
}

function times(restarts: number): string {
  return restarts > 0
    ? ` (${restarts} restart${restarts === 1 ? '' : 's'})`
    : '';
}

/** What the container said last: its termination message, or the end of its log. */
function lastWords(view: ContainerView, end: ContainerEnd): string {
  const lines = end.containerID && view.lastLines?.get(end.containerID);
  return (lines || end.message || '').trim().slice(-MAX_EVIDENCE);
}

function join(...parts: string[]): string {
  return parts.filter(Boolean).join('\n');
}
