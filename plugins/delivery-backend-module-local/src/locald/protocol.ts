import { z } from 'zod';

/*
 * What the backend and slipway-locald say to each other: plain JSON over
 * loopback HTTP. Both sides may be of different ages, so everything that
 * comes in is parsed, and the protocol has a number.
 */

/**
 * Raised when a backend can no longer talk to an older slipway-locald, and also
 * when an older one would take what it is asked and silently leave a part of it
 * out: one of another number is replaced, and what it runs goes on.
 *
 * 2: jobs. 3: requests beside the shares, versions of secrets.
 */
export const PROTOCOL = 3;

const probeSchema = z.object({
  kind: z.enum(['http', 'tcp']),
  path: z.string().default('/'),
  headers: z.record(z.string(), z.string()).default({}),
  initialDelayMs: z.number().min(0),
  periodMs: z.number().min(100),
  timeoutMs: z.number().min(100),
  successThreshold: z.number().int().min(1),
  failureThreshold: z.number().int().min(1),
});

/** One of a container's probes; always on the instance's own port. */
export type ProbeSpec = z.infer<typeof probeSchema>;

const envEntrySchema = z.object({
  name: z.string().min(1),
  /** The text, or a reference that is resolved where the process starts. */
  value: z.string().optional(),
  secret: z
    .object({
      name: z.string(),
      key: z.string(),
      optional: z.boolean().optional(),
    })
    .optional(),
  field: z.enum(['name', 'environment', 'address']).optional(),
});

export type EnvEntry = z.infer<typeof envEntrySchema>;

export const runSpecSchema = z.object({
  /** The Deployment's name; instances are named after it. */
  name: z.string().min(1),
  planId: z.string(),
  image: z.object({
    /** The definition's name of the image. */
    name: z.string(),
    /** `host/repository:tag@sha256:...`; the digest is required. */
    reference: z.string(),
  }),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  workingDir: z.string().optional(),
  env: z.array(envEntrySchema),
  /** Whether it listens: it is probed, and traffic can go there. */
  listens: z.boolean(),
  probes: z.object({
    startup: probeSchema.optional(),
    liveness: probeSchema.optional(),
    readiness: probeSchema.optional(),
  }),
  terminationGraceMs: z.number().min(0),
});

/** How to run one Plan: what is left of its manifests. No secret values. */
export type RunSpec = z.infer<typeof runSpecSchema>;

export const fenceSchema = z.object({
  epoch: z.number().int(),
  revision: z.number().int(),
});

const registrySchema = z.object({
  url: z.string(),
  host: z.string(),
  /** Kept in memory only. */
  credentials: z
    .object({ username: z.string(), password: z.string() })
    .optional(),
});

export type RegistryAddress = z.infer<typeof registrySchema>;

export const ensureSchema = fenceSchema.extend({
  spec: runSpecSchema,
  track: z.string(),
  replicas: z.number().int().min(0).max(32),
  registry: registrySchema,
  /** Services of the same environment that this one may call. */
  peers: z.array(z.string()).default([]),
  /** Taken over when the target is seen for the first time. */
  traffic: z
    .object({
      on: z.boolean(),
      requestsPerSecond: z.number(),
      path: z.string(),
    })
    .optional(),
});

export type EnsureRequest = z.infer<typeof ensureSchema>;

export const jobStartSchema = fenceSchema.extend({
  job: z.string().min(1),
  generation: z.string().min(1),
  spec: runSpecSchema,
  registry: registrySchema,
  peers: z.array(z.string()).default([]),
});

export type JobStartRequest = z.infer<typeof jobStartSchema>;

export const routesSchema = z.array(
  z.discriminatedUnion('type', [
    z.object({
      type: z.literal('headers'),
      generation: z.string(),
      headers: z
        .array(z.object({ name: z.string(), value: z.string() }))
        .min(1),
    }),
    z.object({
      type: z.literal('mirror'),
      generation: z.string(),
      percent: z.number().min(0).max(100),
    }),
  ]),
);

export const sharesSchema = fenceSchema.extend({
  shares: z.array(
    z.object({ generation: z.string(), percent: z.number().min(0).max(100) }),
  ),
  routes: routesSchema.default([]),
});

export const imageSchema = z.object({
  spec: runSpecSchema,
  registry: registrySchema,
  environment: z.string(),
});

/** What is known of an image and of what its process needs. */
export const imageAnswerSchema = z.object({
  /** Secret name to the version it has now; absent: an older one does not tell. */
  secrets: z.record(z.string(), z.string()).optional(),
});

export type ImageAnswer = z.infer<typeof imageAnswerSchema>;

export const trafficSchema = z.object({
  on: z.boolean(),
  requestsPerSecond: z.number().min(0.1).max(1000).optional(),
  path: z.string().startsWith('/').optional(),
});
