import {
  DefinitionProblem,
  Page,
  ServiceRef,
  ServiceSummary,
} from '@slipway/backstage-plugin-delivery-common';
import { PageOptions } from './ground';

export interface ServiceRow extends ServiceSummary {
  repository: string;
  definitionPath: string;
  defaultBranch?: string;
  /** The catalog name that a document in a shared file must carry. */
  name: string;
}

export interface ServicesStore {
  upsertMany(rows: ServiceRow[]): Promise<void>;
  /**
   * Takes `refs`, which the catalog no longer has, out of every list; their
   * history and records stay, and come back with `upsertMany`.
   */
  removeMissing(refs: ServiceRef[]): Promise<void>;
  get(ref: ServiceRef): Promise<ServiceRow | undefined>;
  list(
    options: PageOptions & { owner?: string; system?: string },
  ): Promise<Page<ServiceRow>>;
  setDefinitionError(ref: ServiceRef, error?: DefinitionProblem): Promise<void>;
}
