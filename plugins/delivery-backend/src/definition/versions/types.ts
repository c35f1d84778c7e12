import {
  DefinitionModel,
  KnownMetric,
} from '@slipway/backstage-plugin-delivery-common';
import { z } from 'zod/v4';
import { Complaint } from '../problems';
import { Path } from '../yamlText';

/**
 * One `apiVersion`: how its documents look, and how they become the internal
 * model. A version that people use is never changed in a way that refuses
 * what it took; a new one is added beside it.
 */
export interface DefinitionVersion {
  readonly apiVersion: string;
  readonly schema: z.ZodType;
  /**
   * The model, or what speaks against it across fields. `name` is the
   * component's catalog name; `value` is what `schema` accepted.
   */
  convert(
    value: unknown,
    context: {
      name: string;
      environments: string[];
      /** Metrics of the platform's own. */
      metrics?: readonly KnownMetric[];
    },
  ): { model: DefinitionModel } | { complaints: Complaint[] };
  /** Where the file says this of an environment: in its entry, or in the defaults. */
  placeOf(value: unknown, ref: string, field: EnvironmentField): FieldPlace;
}

/** What an environment's entry may leave to the defaults. */
export type EnvironmentField = 'strategy' | 'manifests' | 'hooks';

export interface FieldPlace {
  path: Path;
  /** Not set: the field stands nowhere, and this is the environment's entry. */
  stated: boolean;
}
