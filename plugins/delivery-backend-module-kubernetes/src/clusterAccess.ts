import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { KubeClient } from './client';

/** One cluster as the rooms of this module see it. */
export interface ClusterAccess {
  /** As the environment's connection names it. */
  name: string;
  client: KubeClient;
  /**
   * The namespace that the platform gives to a target.
   *
   * Errors: `InputError` when the platform's configuration gives it none.
   */
  namespaceOf(target: TargetRef): Promise<string>;
}
