import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readTextIfThere, writeAtomically } from './files';
import { routesSchema, runSpecSchema } from './protocol';

/*
 * What slipway-locald remembers over its own death: what is wanted, who wrote
 * it last (epoch, revision), and which processes it has started. Written as a
 * whole and atomically; losing it would mean accepting writers of the past,
 * so a file that cannot be read stops the start instead of being replaced.
 */

const instanceSchema = z.object({
  id: z.string(),
  port: z.number().optional(),
  pid: z.number().optional(),
  /** When the process started; with it the pid names this process only. */
  start: z.string().optional(),
  startedAtMs: z.number().optional(),
  restarts: z.number(),
});

export type InstanceRecord = z.infer<typeof instanceSchema>;

const generationSchema = z.object({
  spec: runSpecSchema,
  track: z.string(),
  replicas: z.number(),
  registry: z.object({ url: z.string(), host: z.string() }),
  peers: z.array(z.string()),
  instances: z.array(instanceSchema),
});

export type GenerationRecord = z.infer<typeof generationSchema>;

const jobSchema = z.object({
  job: z.string(),
  /** The name of its one process, in logs and folders. */
  instance: z.string(),
  phase: z.enum(['running', 'succeeded', 'failed', 'lost']),
  startedAtMs: z.number(),
  finishedAtMs: z.number().optional(),
  pid: z.number().optional(),
  start: z.string().optional(),
  message: z.string().optional(),
});

export type JobRecord = z.infer<typeof jobSchema>;

const targetSchema = z.object({
  epoch: z.number(),
  revision: z.number(),
  port: z.number(),
  generations: z.record(z.string(), generationSchema),
  shares: z.array(z.object({ generation: z.string(), percent: z.number() })),
  /** What stands beside the shares. */
  routes: routesSchema.optional(),
  traffic: z
    .object({
      on: z.boolean(),
      requestsPerSecond: z.number(),
      path: z.string(),
    })
    .optional(),
  /** Runs of jobs by key, oldest first. */
  jobs: z.record(z.string(), jobSchema).optional(),
});

export type TargetState = z.infer<typeof targetSchema>;

const fileSchema = z.object({
  version: z.literal(1),
  /** In the environment of everything we start. */
  mark: z.string(),
  targets: z.record(z.string(), targetSchema),
});

export class StateFile {
  private readonly path: string;
  private saving: Promise<void> = Promise.resolve();
  private dirty = false;
  mark: string = randomUUID();
  targets: Record<string, TargetState> = {};

  constructor(directory: string) {
    this.path = join(directory, 'state.json');
  }

  /** Errors: plain `Error` when the file is there and makes no sense. */
  async load(): Promise<void> {
    const text = await readTextIfThere(this.path);
    if (text === undefined) {
      await this.save();
      return;
    }
    try {
      const state = fileSchema.parse(JSON.parse(text));
      this.mark = state.mark;
      this.targets = state.targets;
    } catch (error) {
      throw new Error(
        `The state file ${this.path} cannot be read; put a copy back, or move it away to start without any memory of what runs`,
        { cause: error },
      );
    }
  }

  /**
   * Resolves when everything that is in memory now is on disk. Calls that
   * come while a write is under way share the next one.
   */
  save(): Promise<void> {
    if (!this.dirty) {
      this.dirty = true;
      this.saving = this.saving
        .catch(() => undefined)
        .then(() => {
          this.dirty = false;
          return writeAtomically(
            this.path,
            JSON.stringify({
              version: 1,
              mark: this.mark,
              targets: this.targets,
            }),
          );
        });
    }
    return this.saving;
  }
}
