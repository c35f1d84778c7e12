import { STAGE_ORDER } from '@slipway/backstage-plugin-delivery-common';
import { z } from 'zod/v4';
import { ReleaseRow } from '../store';

/*
 * What the stages leave for those after them, so that a release goes on in
 * another process. Only facts and names of blobs; never secrets, and no path of
 * a machine: where the caches lie follows from the release and the attempt.
 */

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

const build = z.object({
  digest,
  mediaType: z.string(),
  sizeBytes: z.number(),
  inputs: z.record(z.string(), z.string()),
  /** By which the Build is found again; absent when its inputs cannot be known. */
  inputsHash: z.string().optional(),
  /** Found again, not built here. */
  reused: z.boolean(),
  builder: z.object({ id: z.string(), version: z.string() }),
  startedAtMs: z.number(),
  finishedAtMs: z.number(),
});

const scan = z.object({
  /** Exactly what was scanned. */
  digest,
  scanner: z.object({ id: z.string(), version: z.string() }),
  databaseUpdatedAtMs: z.number().optional(),
  notCovered: z.array(z.string()),
  /** Blob of the findings as the scanner gave them. */
  foundBlob: digest,
  sbomBlob: digest,
});

const push = z.object({ digest, tag: z.string(), reference: z.string() });

const checkpoint = z.object({
  source: z.object({
    repository: z.string(),
    definitionPath: z.string(),
    defaultBranch: z.string().optional(),
    /** The catalog name, for files with several documents. */
    name: z.string(),
  }),
  /** Raised when the caches are lost or given up; names their folder. */
  attempt: z.number().int().min(1),
  workspace: z
    .object({
      describe: z.object({ tag: z.string(), distance: z.number() }).optional(),
    })
    .optional(),
  builds: z.record(z.string(), build).optional(),
  scans: z.record(z.string(), scan).optional(),
  pushes: z.record(z.string(), push).optional(),
  /** Blobs of the provenance statements, by image. */
  provenance: z.record(z.string(), digest).optional(),
  /** Tries of a stage that did not get to an end. */
  retry: z
    .object({
      stage: z.enum(STAGE_ORDER as [string, ...string[]]),
      attempts: z.number().int(),
      nextAtMs: z.number(),
    })
    .optional(),
  /** Until when an errored release waits for a person. */
  waitsUntilMs: z.number().optional(),
});

export type ReleaseCheckpoint = z.infer<typeof checkpoint>;
export type BuildCheckpoint = z.infer<typeof build>;
export type ScanCheckpoint = z.infer<typeof scan>;

/** Throws when the row was not written by the release room. */
export function readCheckpoint(
  row: Pick<ReleaseRow, 'id' | 'checkpoint'>,
): ReleaseCheckpoint {
  const parsed = checkpoint.safeParse(row.checkpoint);
  if (!parsed.success) {
    throw new Error(
      `The checkpoint of release ${row.id} cannot be read: ${z.prettifyError(
        parsed.error,
      )}`,
    );
  }
  return parsed.data;
}

/** A new attempt starts from the fetch, with nothing but its source. */
export function nextAttempt(before: ReleaseCheckpoint): ReleaseCheckpoint {
  return {
    source: before.source,
    attempt: before.attempt + 1,
    ...(before.retry && { retry: before.retry }),
  };
}
