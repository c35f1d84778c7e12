import { InputError } from '@backstage/errors';
import { PlanObject } from '@slipway/backstage-plugin-delivery-node';
import { parse } from 'yaml';
import { z } from 'zod';

/** An object of a Plan, of which no more is known than that it is one. */
export interface ParsedObject {
  id: string;
  kind: string;
  value: unknown;
}

/** Errors: `InputError` for what is no YAML. */
export function parseObject(object: PlanObject): ParsedObject {
  let value: unknown;
  try {
    value = parse(object.bytes.toString('utf8'));
  } catch (error) {
    throw new InputError(`${object.id} is not valid YAML or JSON`, error);
  }
  const { kind } = z
    .object({ kind: z.string().default('') })
    .catch({ kind: '' })
    .parse(value);
  return { id: object.id, kind, value };
}

/** Errors: `InputError` naming the object and the field. */
export function read<T>(schema: z.ZodType<T>, object: ParsedObject): T {
  const result = schema.safeParse(object.value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new InputError(
      `${object.id}: ${issue.path
        .map(part =>
          typeof part === 'number' ? `[${part}]` : `.${String(part)}`,
        )
        .join('')
        .replace(/^\./, '')}: ${issue.message}`,
    );
  }
  return result.data;
}
