import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError, isError } from '@backstage/errors';
import { Severity } from '@slipway/backstage-plugin-delivery-common';
import { z } from 'zod';
import { cvss3BaseScore, severityOfScore } from './cvss';

const FILE_MAX_BYTES = 4 * 1024 * 1024;
const MAX_FILES = 200_000;
const MAX_DEPTH = 5;

const eventSchema = z.union([
  z.object({ introduced: z.string() }),
  z.object({ fixed: z.string() }),
  z.object({ last_affected: z.string() }),
  z.object({ limit: z.string() }),
]);

const affectedSchema = z.object({
  package: z
    .object({ ecosystem: z.string(), name: z.string() })
    .passthrough()
    .optional(),
  ranges: z
    .array(
      z.object({
        type: z.enum(['SEMVER', 'ECOSYSTEM', 'GIT']),
        events: z.array(eventSchema).min(1),
      }),
    )
    .optional(),
  versions: z.array(z.string()).optional(),
  database_specific: z
    .object({ severity: z.string().optional() })
    .passthrough()
    .optional(),
  ecosystem_specific: z
    .object({ severity: z.string().optional() })
    .passthrough()
    .optional(),
});

/** The fields of the OSV format (1.6) that are used here. */
const advisorySchema = z.object({
  id: z.string().min(1),
  modified: z.string().datetime({ offset: true }),
  withdrawn: z.string().datetime({ offset: true }).optional(),
  aliases: z.array(z.string()).optional(),
  summary: z.string().optional(),
  details: z.string().optional(),
  affected: z.array(affectedSchema).optional(),
  severity: z
    .array(z.object({ type: z.string(), score: z.string() }))
    .optional(),
  references: z
    .array(z.object({ type: z.string(), url: z.string() }))
    .optional(),
  database_specific: z
    .object({ severity: z.string().optional() })
    .passthrough()
    .optional(),
});

/** An advisory of the OSV format. */
export type Advisory = z.infer<typeof advisorySchema>;

/** What of an advisory concerns one package. */
export type AffectedPackage = z.infer<typeof affectedSchema>;

/** Everything in a folder of advisories. */
export interface AdvisoryDatabase {
  /** By the npm package's name. */
  byPackage: ReadonlyMap<
    string,
    Array<{ advisory: Advisory; affected: AffectedPackage }>
  >;
  count: number;
  /** When the newest of them was changed last; `undefined` without any. */
  updatedAtMs?: number;
}

const SEVERITY_NAMES: Record<string, Severity> = {
  critical: 'critical',
  high: 'high',
  important: 'high',
  moderate: 'medium',
  medium: 'medium',
  low: 'low',
};

/**
 * How bad it is: what the database says, else the score of its CVSS vector,
 * else unknown.
 */
export function severityOf(
  advisory: Advisory,
  affected: AffectedPackage,
): Severity {
  const named = [
    affected.ecosystem_specific?.severity,
    affected.database_specific?.severity,
    advisory.database_specific?.severity,
  ]
    .map(name => SEVERITY_NAMES[name?.toLowerCase() ?? ''])
    .find(Boolean);
  if (named) {
    return named;
  }
  for (const { score } of advisory.severity ?? []) {
    const value = /^[0-9.]+$/.test(score)
      ? Number(score)
      : cvss3BaseScore(score);
    if (value !== undefined && !Number.isNaN(value)) {
      return severityOfScore(value);
    }
  }
  return 'unknown';
}

async function listFiles(directory: string): Promise<string[]> {
  const files: string[] = [];
  const folders = [{ path: directory, depth: 0 }];
  while (folders.length > 0) {
    const { path, depth } = folders.pop()!;
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory() && depth < MAX_DEPTH) {
        folders.push({ path: child, depth: depth + 1 });
      } else if (entry.isFile() && entry.name.endsWith('.json')) {
        files.push(child);
      }
    }
    if (files.length > MAX_FILES) {
      throw new InputError(
        `The folder of advisories ${directory} has more than ${MAX_FILES} files`,
      );
    }
  }
  return files.sort();
}

async function readAdvisory(file: string): Promise<Advisory> {
  if ((await stat(file)).size > FILE_MAX_BYTES) {
    throw new InputError(
      `Advisory ${file} has more than ${FILE_MAX_BYTES} bytes`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new InputError(
      `Advisory ${file} is not JSON; remove or fix it`,
      error,
    );
  }
  const parsed = advisorySchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InputError(
      `Advisory ${file} is not of the OSV format: ${
        issue.path.join('.') || 'the document'
      }: ${issue.message}; remove or fix it`,
    );
  }
  return parsed.data;
}

/**
 * Reads a folder of advisories in the OSV format. A file that cannot be read
 * is an error: an advisory that is left out silently would look like safety.
 *
 * Errors: `InputError`, naming the file.
 */
export async function readAdvisories(
  directory: string,
): Promise<AdvisoryDatabase> {
  const byPackage = new Map<
    string,
    Array<{ advisory: Advisory; affected: AffectedPackage }>
  >();
  let count = 0;
  let updatedAtMs: number | undefined;
  let files: string[];
  try {
    files = await listFiles(directory);
  } catch (error) {
    if (isError(error) && error.code === 'ENOENT') {
      throw new InputError(
        `The folder of advisories ${directory} does not exist; set delivery.local.advisories to a folder of OSV files`,
        error,
      );
    }
    throw error;
  }
  for (const file of files) {
    const advisory = await readAdvisory(file);
    count += 1;
    updatedAtMs = Math.max(updatedAtMs ?? 0, Date.parse(advisory.modified));
    if (advisory.withdrawn) {
      continue;
    }
    for (const affected of advisory.affected ?? []) {
      if (affected.package?.ecosystem === 'npm') {
        const known = byPackage.get(affected.package.name) ?? [];
        known.push({ advisory, affected });
        byPackage.set(affected.package.name, known);
      }
    }
  }
  return { byPackage, count, ...(updatedAtMs && { updatedAtMs }) };
}
