import { z } from 'zod';

/*
 * The parts of Kubernetes' objects that the local environment reads, with
 * Kubernetes' own defaults. Other fields pass; they are listed as ignored.
 */

const name = z.string().min(1);
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const port = z.union([z.string(), z.number().int().min(1).max(65535)]);
const seconds = z.number().min(0);

const keyRef = z.object({
  name,
  key: z.string(),
  optional: z.boolean().optional(),
});

const probe = z.object({
  httpGet: z
    .object({
      path: z.string().optional(),
      port,
      httpHeaders: z
        .array(z.object({ name: z.string(), value: z.string() }))
        .optional(),
      scheme: z.string().optional(),
    })
    .optional(),
  tcpSocket: z.object({ port }).optional(),
  initialDelaySeconds: seconds.optional(),
  periodSeconds: seconds.optional(),
  timeoutSeconds: seconds.optional(),
  successThreshold: z.number().int().min(1).optional(),
  failureThreshold: z.number().int().min(1).optional(),
});

export type ProbeManifest = z.infer<typeof probe>;

const container = z.object({
  name: z.string().optional(),
  image: z.string(),
  command: z.array(text).optional(),
  args: z.array(text).optional(),
  workingDir: z.string().optional(),
  env: z
    .array(
      z.object({
        name,
        value: text.optional(),
        valueFrom: z
          .object({
            configMapKeyRef: keyRef.optional(),
            secretKeyRef: keyRef.optional(),
            fieldRef: z.object({ fieldPath: z.string() }).optional(),
          })
          .optional(),
      }),
    )
    .optional(),
  envFrom: z
    .array(
      z.object({
        prefix: z.string().optional(),
        configMapRef: z
          .object({ name, optional: z.boolean().optional() })
          .optional(),
      }),
    )
    .optional(),
  ports: z
    .array(
      z.object({
        name: z.string().optional(),
        containerPort: z.number().int().min(1).max(65535),
      }),
    )
    .optional(),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
});

export type ContainerManifest = z.infer<typeof container>;

export const deploymentSchema = z.object({
  metadata: z.object({ name }),
  spec: z.object({
    replicas: z.number().int().min(0).max(32).default(1),
    template: z.object({
      spec: z.object({
        terminationGracePeriodSeconds: seconds.default(30),
        containers: z.array(container).min(1),
      }),
    }),
  }),
});

export const serviceSchema = z.object({
  spec: z.object({
    ports: z
      .array(z.object({ port: z.number(), targetPort: port.optional() }))
      .optional(),
  }),
});

export const configMapSchema = z.object({
  metadata: z.object({ name }),
  data: z.record(z.string(), text).default({}),
});
