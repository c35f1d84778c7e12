import {
  BuildRequest,
  OciLayout,
} from '@slipway/backstage-plugin-delivery-node';
import { BaseImage } from '../base';
import { ContextEntry } from '../context';
import { ImageState } from '../image';
import { LayerCache } from '../layerCache';
import { Stage, StagedDockerfile } from './stages';

/** What all stages of one build share. */
export interface StageEnvironment {
  request: BuildRequest;
  file: string;
  dockerfile: StagedDockerfile;
  predefined: ReadonlyMap<string, string>;
  context: readonly ContextEntry[];
  layout: OciLayout;
  cache: LayerCache;
  /** A folder for unpacked stages, thrown away after the build. */
  scratch: string;
}

/** A stage that is built. */
export interface BuiltStage {
  image: ImageState;
  /** The image that it started from, through other stages too. */
  base?: BaseImage;
}

/** What a stage asks of the build that it belongs to. */
export interface StageSources {
  /** Names that some ARG declared. */
  readonly usedArgs: Set<string>;
  /** What `COPY --from` reads: an earlier stage, or an image, unpacked. */
  sourceOf(
    text: string,
    before: Stage,
    line: number,
  ): Promise<readonly ContextEntry[]>;
}
