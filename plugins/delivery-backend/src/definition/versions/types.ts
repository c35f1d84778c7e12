import {
  DefinitionModel,
  KnownMetric,
} from '@slipway/backstage-plugin-delivery-common';
import { z } from 'zod/v4';
import { Complaint } from '../problems';

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
}
