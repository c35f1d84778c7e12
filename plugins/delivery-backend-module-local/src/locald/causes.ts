import { HealthCause } from '@slipway/backstage-plugin-delivery-common';
import { ExitInfo } from './childProcess';
import { ProbeReport } from './probes';

/*
 * Why an instance is not well, in words for a tired person: a code, what
 * happened, the evidence, and what to do.
 */

/** The image could not be brought here; the cause says why. */
export class ImagePullError extends Error {
  readonly name = 'ImagePullError';
}

export function describeExit(info: ExitInfo): string {
  if (info.code !== undefined) {
    return `with exit code ${info.code}`;
  }
  return info.signal ? `by ${info.signal}` : '(how is not known)';
}

/** Why a start failed, in the words of health causes. */
export function causeOfStart(error: unknown): HealthCause {
  const message = error instanceof Error ? error.message : String(error);
  const base = { evidence: message, sinceMs: Date.now() };
  if (message.startsWith('Not runnable locally')) {
    return {
      ...base,
      code: 'not-runnable',
      summary: message,
      action: 'Use an image whose entrypoint is node, or another environment',
    };
  }
  if (error instanceof ImagePullError) {
    return {
      ...base,
      code: 'image-pull',
      summary: 'The image cannot be pulled',
      action: 'See whether the registry answers and holds this digest',
    };
  }
  return {
    ...base,
    code: 'start-failed',
    summary: 'The process cannot be started',
    action: 'The message says what is missing',
  };
}

/** The process has ended by itself, or a probe asked for a restart. */
export function causeOfEnd(
  info: ExitInfo,
  probe: string | undefined,
  lastLines: string[],
): HealthCause {
  return {
    code: probe ? 'probe-failing' : 'exited',
    summary: probe
      ? `Restarted: ${probe}`
      : `The process ended ${describeExit(info)}`,
    evidence: [probe, ...lastLines].filter(Boolean).join('\n'),
    action: probe
      ? 'Look at what the probe asks, and at the log'
      : 'Look at the last lines of the log',
    sinceMs: Date.now(),
  };
}

/** It has not happened for the first time. */
export function asCrashLoop(cause: HealthCause, restarts: number): HealthCause {
  return {
    ...cause,
    code: 'crash-loop',
    summary: `${cause.summary}, again and again (${restarts} restarts)`,
  };
}

export function causeOfProbe(
  failing: NonNullable<ProbeReport['failing']>,
): HealthCause {
  const { probe, text, sinceMs } = failing;
  return {
    code: 'probe-failing',
    summary: `The ${probe} probe fails`,
    evidence: text,
    action: `See why the service does not answer its ${probe} probe; its log may say more`,
    sinceMs,
  };
}
