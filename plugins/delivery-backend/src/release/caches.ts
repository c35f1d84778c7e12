import { isError } from '@backstage/errors';
import { OciLayout } from '@slipway/backstage-plugin-delivery-node';
import { ReleaseRow } from '../store';
import { ReleaseCheckpoint } from './checkpoint';
import { AttemptFolders } from './folders';
import { Stage } from './types';

async function layoutHolds(folder: string, digest: string): Promise<boolean> {
  try {
    await (await OciLayout.open(folder)).readManifest(digest);
    return true;
  } catch (error) {
    if (
      isError(error) &&
      ['InputError', 'NotFoundError', 'DigestMismatchError'].includes(
        error.name,
      )
    ) {
      return false;
    }
    throw error;
  }
}

/**
 * Whether what the stage reads is on this machine. It is not after a release
 * went on in another process with another disk, or after a clean-up.
 */
export async function hasCaches(
  stage: Stage,
  row: ReleaseRow,
  checkpoint: ReleaseCheckpoint,
  folders: AttemptFolders,
): Promise<boolean> {
  if (
    stage.needs.includes('workspace') &&
    !(await folders.has(folders.workspace))
  ) {
    return false;
  }
  if (stage.needs.includes('layouts')) {
    for (const { name } of row.definition?.images ?? []) {
      const build = checkpoint.builds?.[name];
      if (!build || !(await layoutHolds(folders.layout(name), build.digest))) {
        return false;
      }
    }
  }
  return true;
}
