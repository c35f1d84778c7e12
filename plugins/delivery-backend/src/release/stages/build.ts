import {
  BuiltImage,
  ImageModel,
} from '@slipway/backstage-plugin-delivery-common';
import {
  ImageBuilder,
  OciLayout,
  RegistryClient,
  Workspace,
} from '@slipway/backstage-plugin-delivery-node';
import { hashBuildInputs } from '../buildInputs';
import { BuildCheckpoint } from '../checkpoint';
import { requireDefinition, requireRegistry } from '../requirements';
import { StageFailure } from '../stageErrors';
import { Stage, StageContext } from '../types';

const GITHUB_LIKE = /^https?:\/\/[^@\s]+$/;

async function chooseBuilder(
  builders: ImageBuilder[],
  image: ImageModel,
  workspace: Workspace,
): Promise<ImageBuilder> {
  const refusals: string[] = [];
  for (const builder of builders) {
    const refusal = await builder.refuses(image.build, workspace);
    if (refusal === undefined) {
      return builder;
    }
    refusals.push(`${builder.id}: ${refusal}`);
  }
  throw new StageFailure({
    code: 'no-builder',
    message: `Image "${image.name}" cannot be built: ${
      refusals.join('; ') || 'the platform has no builder'
    }`,
  });
}

/** The image of an earlier Build with the same inputs, pulled and verified. */
async function reuse(
  context: StageContext,
  client: RegistryClient,
  image: ImageModel,
  inputsHash: string,
): Promise<BuiltImage | undefined> {
  const { store, folders, log, signal } = context;
  const known = (await store.releases.findBuild(inputsHash))?.images[0];
  if (!known) {
    return undefined;
  }
  const { repository, digest } = known;
  if (repository !== image.repository) {
    return undefined;
  }
  if (!(await client.headManifest(repository, digest, signal))) {
    log(
      `Built before as ${digest}, but the registry does not have it any more`,
    );
    return undefined;
  }
  const folder = folders.layout(image.name);
  await folders.empty(folder);
  await client.pullToLayout(
    repository,
    digest,
    await OciLayout.create(folder),
    {
      signal,
    },
  );
  return { ...known, name: image.name };
}

function annotationsOf({ release, checkpoint }: StageContext) {
  const { repository } = checkpoint.source;
  // The tag is left out: a tag that is set later would change the digest.
  return {
    'org.opencontainers.image.revision': release.commit.sha,
    'org.opencontainers.image.created': new Date(
      release.commit.committedAtMs,
    ).toISOString(),
    ...(GITHUB_LIKE.test(repository) && {
      'org.opencontainers.image.source': repository,
    }),
  };
}

async function buildImage(
  context: StageContext,
  image: ImageModel,
  workspace: Workspace,
): Promise<BuildCheckpoint> {
  const { release, folders, builders, log, signal, nowMs } = context;
  const { access, client } = requireRegistry(context);
  const builder = await chooseBuilder(builders, image, workspace);
  const startedAtMs = nowMs();
  const inputsHash = await hashBuildInputs({
    builder,
    build: image.build,
    workspace,
    registry: access,
    signal,
  });
  const known = inputsHash && (await reuse(context, client, image, inputsHash));
  if (known) {
    log(`${image.name}: found again by its inputs, ${known.digest}`);
    return {
      digest: known.digest,
      mediaType: known.mediaType,
      sizeBytes: known.sizeBytes,
      inputs: {},
      inputsHash,
      reused: true,
      builder: { id: builder.id, version: '' },
      startedAtMs,
      finishedAtMs: nowMs(),
    };
  }
  const layout = folders.layout(image.name);
  await folders.empty(layout);
  log(`${image.name}: building with ${builder.id}`);
  const result = await builder.build({
    service: release.service,
    image: image.name,
    workspace,
    build: image.build,
    registry: access,
    layout,
    annotations: annotationsOf(context),
    sourceDateEpoch: Math.floor(release.commit.committedAtMs / 1_000),
    log,
    signal,
  });
  // What was promised has to lie there, whatever the builder says.
  await (await OciLayout.open(layout)).readManifest(result.digest);
  log(`${image.name}: ${result.digest}, ${result.sizeBytes} bytes`);
  return {
    ...result,
    ...(inputsHash && { inputsHash }),
    reused: false,
    startedAtMs,
    finishedAtMs: nowMs(),
  };
}

/** Each image of the definition, as an OCI layout on disk. */
export const buildStage: Stage = {
  name: 'build',
  needs: ['workspace'],
  async run(context) {
    const { release, checkpoint, folders } = context;
    const definition = requireDefinition(release);
    const workspace: Workspace = {
      root: folders.workspace,
      commit: release.commit,
      ...(checkpoint.workspace?.describe && {
        describe: checkpoint.workspace.describe,
      }),
    };
    const builds: Record<string, BuildCheckpoint> = {};
    for (const image of definition.images) {
      builds[image.name] = await buildImage(context, image, workspace);
    }
    const images = definition.images.map(({ name, repository }) => {
      const { digest, mediaType, sizeBytes } = builds[name];
      return { name, repository, digest, mediaType, sizeBytes };
    });
    const all = Object.values(builds);
    return {
      checkpoint: { builds },
      release: { images },
      facts: {
        digest: images[0].digest,
        sizeBytes: images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        reused: all.every(({ reused }) => reused),
        builder: [...new Set(all.map(({ builder }) => builder.id))].join(', '),
      },
    };
  },
};
