import { z } from 'zod/v4';
import { deliveryV1alpha1 } from './v1alpha1';

/**
 * The JSON Schema (draft 2020-12) of a `delivery.yaml` document, for editors.
 * Made from the schema that the parser uses, so the two cannot differ in form;
 * what spans several fields (growing weights, known environments) only the
 * parser checks.
 *
 * @public
 */
export function definitionJsonSchema(): object {
  return {
    ...z.toJSONSchema(deliveryV1alpha1, {
      target: 'draft-2020-12',
      io: 'input',
    }),
    $id: 'https://slipway.dev/schemas/delivery-v1alpha1.json',
    title: 'Delivery definition',
    description: 'How a service gets from a commit to its environments.',
  };
}
