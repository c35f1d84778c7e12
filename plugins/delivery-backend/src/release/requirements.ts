import { DefinitionModel } from '@slipway/backstage-plugin-delivery-common';
import { ReleaseRow } from '../store';
import { BuildCheckpoint, ScanCheckpoint } from './checkpoint';
import { StageContext } from './types';

/*
 * What earlier stages have left. Something missing here is our own mistake or
 * the platform's configuration, never the content's.
 */

export function requireDefinition(
  release: Pick<ReleaseRow, 'id' | 'definition'>,
): DefinitionModel {
  if (!release.definition) {
    throw new Error(
      `Release ${release.id} has no resolved definition; its definition stage has to run first`,
    );
  }
  return release.definition;
}

export function requireBuild(
  { release, checkpoint }: Pick<StageContext, 'release' | 'checkpoint'>,
  image: string,
): BuildCheckpoint {
  const build = checkpoint.builds?.[image];
  if (!build) {
    throw new Error(`Release ${release.id} has no build of image "${image}"`);
  }
  return build;
}

/**
 * The scan of exactly what was built. Fails closed: bytes that were not
 * scanned go nowhere.
 */
export function requireScan(
  context: Pick<StageContext, 'release' | 'checkpoint'>,
  image: string,
): ScanCheckpoint {
  const scan = context.checkpoint.scans?.[image];
  const { digest } = requireBuild(context, image);
  if (!scan || scan.digest !== digest) {
    throw new Error(
      `Image "${image}" of release ${
        context.release.id
      } was built as ${digest}, but ${
        scan?.digest ?? 'nothing'
      } was scanned; nothing is pushed`,
    );
  }
  return scan;
}

export function requireRegistry({
  registry,
}: Pick<StageContext, 'registry'>): NonNullable<StageContext['registry']> {
  if (!registry) {
    throw new Error(
      'The platform has no registry to build from and push to; install a module that brings one, or set delivery.local.enabled',
    );
  }
  return registry;
}
