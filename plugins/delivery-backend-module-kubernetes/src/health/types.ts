import { HealthCause } from '@slipway/backstage-plugin-delivery-common';
import { ObjectRef } from '../client';
import { HealthCode } from './codes';
import { KubeEvent, Node } from './objects';

/** What is known beside the objects themselves. Everything but the time may be missing. */
export interface HealthContext {
  nowMs: number;
  /** Events of the namespace; those about others are not looked at. */
  events?: readonly KubeEvent[];
  /** Absent: nothing is said about nodes. */
  nodes?: readonly Node[];
  /** The last log lines of dead containers, by `containerID`: see `createCrashEvidence`. */
  lastLines?: ReadonlyMap<string, string>;
}

/** A cause with a code of ours. */
export interface NamedCause extends HealthCause {
  code: HealthCode;
}

/** A cause, and what it is about. */
export interface Finding extends NamedCause {
  about: ObjectRef;
  /** `error`: something does not work; `warning`: it works, and something is in the way. */
  level: 'error' | 'warning';
}
