import { InputError } from '@backstage/errors';
import { z } from 'zod';
import { KubeObject } from '../client';

/*
 * The fields of a Plan's objects that this module works with. Everything else
 * of an object is kept as it is; whether it is right is for the cluster's own
 * schema to say.
 */

const labels = z.record(z.string(), z.string());

/** Manifests have been seen with `labels:` and nothing below it. */
const optionalLabels = labels.nullish().transform(value => value ?? {});

const metadata = z
  .object({
    name: z.string(),
    namespace: z.string().optional(),
    labels: optionalLabels,
    annotations: optionalLabels,
  })
  .passthrough();

const selectorSchema = z
  .object({
    matchLabels: optionalLabels,
    matchExpressions: z
      .array(
        z.object({
          key: z.string(),
          operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
          values: z.array(z.string()).optional(),
        }),
      )
      .optional(),
  })
  .passthrough();

export type LabelSelector = z.infer<typeof selectorSchema>;

const containerSchema = z
  .object({ name: z.string(), image: z.string().optional() })
  .passthrough();

const deploymentSchema = z
  .object({
    apiVersion: z.literal('apps/v1'),
    kind: z.literal('Deployment'),
    metadata,
    spec: z
      .object({
        replicas: z.number().int().min(0).nullish(),
        paused: z.boolean().optional(),
        selector: selectorSchema,
        template: z
          .object({
            metadata: z
              .object({ labels: optionalLabels, annotations: optionalLabels })
              .passthrough(),
            spec: z
              .object({
                containers: z.array(containerSchema).min(1),
                initContainers: z.array(containerSchema).optional(),
              })
              .passthrough(),
          })
          .passthrough(),
      })
      .passthrough(),
  })
  .passthrough();

export type DeploymentManifest = z.infer<typeof deploymentSchema>;

const serviceSchema = z
  .object({
    apiVersion: z.literal('v1'),
    kind: z.literal('Service'),
    metadata,
    spec: z
      .object({
        selector: labels.nullish(),
        ports: z
          .array(
            z
              .object({
                name: z.string().optional(),
                port: z.number().int(),
                targetPort: z.union([z.number(), z.string()]).optional(),
              })
              .passthrough(),
          )
          .optional(),
      })
      .passthrough(),
  })
  .passthrough();

export type ServiceManifest = z.infer<typeof serviceSchema>;

const configMapSchema = z
  .object({
    apiVersion: z.literal('v1'),
    kind: z.literal('ConfigMap'),
    metadata,
    data: labels.nullish(),
    binaryData: labels.nullish(),
  })
  .passthrough();

export type ConfigMapManifest = z.infer<typeof configMapSchema>;

function reader<T>(schema: z.ZodType<T>) {
  /** Errors: `InputError` naming the place and the field. */
  return (object: KubeObject, place: string): T => {
    const result = schema.safeParse(object);
    if (!result.success) {
      const [issue] = result.error.issues;
      const path = issue.path
        .map(part =>
          typeof part === 'number' ? `[${part}]` : `.${String(part)}`,
        )
        .join('')
        .replace(/^\./, '');
      throw new InputError(`${place}: ${path}: ${issue.message}`);
    }
    return result.data;
  };
}

export const readDeployment = reader(deploymentSchema);
export const readService = reader(serviceSchema);
export const readConfigMap = reader(configMapSchema);

/** Whether labels are among those that a selector asks for. */
export function selects(
  selector: LabelSelector,
  podLabels: Record<string, string>,
): boolean {
  return (
    Object.entries(selector.matchLabels).every(
      ([key, value]) => podLabels[key] === value,
    ) &&
    (selector.matchExpressions ?? []).every(
      ({ key, operator, values = [] }) => {
        const value: string | undefined = podLabels[key];
        switch (operator) {
          case 'In':
            return value !== undefined && values.includes(value);
          case 'NotIn':
            return value === undefined || !values.includes(value);
          case 'Exists':
            return value !== undefined;
          default:
            return value === undefined;
        }
      },
    )
  );
}
