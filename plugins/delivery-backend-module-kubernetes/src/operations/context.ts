import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { KubeClient } from '../client';

/** Who does something to which target. */
export interface OperationContext {
  client: KubeClient;
  target: TargetRef;
  namespace: string;
  signal: AbortSignal;
}

export type OperationArguments = Record<string, string | number | boolean>;
