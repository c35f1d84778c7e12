import { EventSubject, KubeEvent, timeMs } from './objects';

/** One event of the cluster, the same from both of its APIs. */
export interface EventNote {
  subject: EventSubject;
  reason: string;
  message: string;
  warning: boolean;
  count: number;
  firstAtMs: number;
  lastAtMs: number;
  /** `kubelet`, `default-scheduler`, `replicaset-controller`... */
  reporter?: string;
}

export function readEvent(event: KubeEvent): EventNote {
  const times = [
    event.series?.lastObservedTime,
    event.lastTimestamp,
    event.deprecatedLastTimestamp,
    event.eventTime,
    event.firstTimestamp,
    event.metadata.creationTimestamp,
  ].map(timeMs);
  const lastAtMs = times.find(ms => ms !== undefined) ?? 0;
  return {
    subject: event.involvedObject ?? event.regarding ?? {},
    reason: event.reason ?? '',
    message: event.message ?? event.note ?? '',
    warning: event.type === 'Warning',
    count: event.series?.count ?? event.count ?? event.deprecatedCount ?? 1,
    firstAtMs:
      timeMs(event.firstTimestamp) ?? timeMs(event.eventTime) ?? lastAtMs,
    lastAtMs,
    reporter:
      event.reportingComponent ||
      event.reportingController ||
      event.source?.component,
  };
}

/** The events about one object, newest first; by uid, so that a namesake's are not taken. */
export function eventsAbout(
  object: { kind: string; metadata: { name: string; uid?: string } },
  events: readonly KubeEvent[] = [],
): EventNote[] {
  const { name, uid } = object.metadata;
  return events
    .map(readEvent)
    .filter(({ subject }) =>
      subject.uid && uid
        ? subject.uid === uid
        : subject.kind === object.kind && subject.name === name,
    )
    .sort((a, b) => b.lastAtMs - a.lastAtMs);
}

/** `spec.containers{app}` is about the container `app`. */
export function isAboutContainer(note: EventNote, container: string): boolean {
  const path = note.subject.fieldPath;
  return path === undefined || path === '' || path.includes(`{${container}}`);
}
