import { EventNote, isAboutContainer } from './events';
import { Container, ContainerStatus, Probe, timeMs } from './objects';
import { NamedCause } from './types';

const DEFAULT_PERIOD_SECONDS = 10;
const DEFAULT_FAILURES = 3;

/** `GET :8080/healthz`: what a person can ask by hand. */
export function describeProbe(probe: Probe): string {
  if (probe.httpGet) {
    return `GET :${probe.httpGet.port}${probe.httpGet.path ?? '/'}`;
  }
  if (probe.tcpSocket) {
    return `a connection to :${probe.tcpSocket.port}`;
  }
  if (probe.grpc) {
    return `gRPC health at :${probe.grpc.port}`;
  }
  return (probe.exec?.command ?? []).join(' ') || 'a command';
}

/** Why a container that runs is not ready: the probe that keeps it out, with its last answer. */
export function causeOfProbe(options: {
  status: ContainerStatus;
  spec?: Container;
  events: EventNote[];
  nowMs: number;
}): NamedCause | undefined {
  const { status, spec, events, nowMs } = options;
  const startedAtMs = timeMs(status.state?.running?.startedAt);
  if (status.ready || startedAtMs === undefined) {
    return undefined;
  }
  const answer = events.find(
    note =>
      note.reason === 'Unhealthy' &&
      isAboutContainer(note, status.name) &&
      // An answer of the container that was here before says nothing now; event
      // times are whole seconds.
      note.lastAtMs >= startedAtMs - 1_000,
  );
  const kind =
    answer?.message
      .match(/^(Startup|Readiness|Liveness)/i)?.[1]
      .toLowerCase() ??
    (spec?.startupProbe && status.started === false ? 'startup' : 'readiness');
  const probe = probeOf(spec, kind);
  if (!answer && (!probe || nowMs - startedAtMs < patienceMs(probe))) {
    return undefined;
  }
  const asks = probe ? ` (${describeProbe(probe)})` : '';
  return {
    code: 'probe-failing',
    summary: `The ${kind} probe of the container ${status.name} fails${asks}`,
    evidence: answer
      ? `${answer.message}${answer.count > 1 ? ` (${answer.count} times)` : ''}`
      : `not ready ${Math.round(
          (nowMs - startedAtMs) / 1_000,
        )} s after its start`,
    action: `See why the service does not answer its ${kind} probe; its log may say more`,
    sinceMs: Math.max(answer?.firstAtMs ?? startedAtMs, startedAtMs),
  };
}

function probeOf(spec: Container | undefined, kind: string): Probe | undefined {
  switch (kind) {
    case 'startup':
      return spec?.startupProbe;
    case 'liveness':
      return spec?.livenessProbe;
    default:
      return spec?.readinessProbe;
  }
}

/** How long the probe may fail before that means something. */
function patienceMs(probe: Probe): number {
  const { initialDelaySeconds = 0, timeoutSeconds = 1 } = probe;
  const period = probe.periodSeconds ?? DEFAULT_PERIOD_SECONDS;
  const failures = probe.failureThreshold ?? DEFAULT_FAILURES;
  return (initialDelaySeconds + period * failures + timeoutSeconds) * 1_000;
}
