import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '@backstage/errors';
import {
  BuildRequest,
  BuildResult,
  ImageBuilder,
  OciLayout,
  RegistryAccess,
} from '@slipway/backstage-plugin-delivery-node';
import { pinBases } from './bases';
import { runBuildctl } from './buildctl';
import { BuildkitConfig } from './config';
import { inside, ReadDockerfile, readDockerfile } from './dockerfile';
import { sourcePolicy } from './sourcePolicy';

const BUILDER_ID = 'buildkit';
const CHECK_TIMEOUT_MS = 15_000;

/**
 * Builds Dockerfiles with BuildKit. Images it starts from are taken from the
 * platform's registry by the digest they have now; nothing else is reached
 * unless the platform's configuration says so.
 *
 * @public
 */
export function createBuildkitBuilder(config: BuildkitConfig): ImageBuilder {
  async function version(signal: AbortSignal): Promise<string> {
    const text = await runBuildctl({
      config: { ...config, timeoutMs: CHECK_TIMEOUT_MS },
      args: ['debug', 'info'],
      signal,
    });
    return text.replace(/\s+/g, ' ').trim().slice(0, 200);
  }

  async function facts(
    dockerfile: ReadDockerfile,
    registry: RegistryAccess,
    signal: AbortSignal,
  ) {
    const [{ pinned, elsewhere }, builder] = await Promise.all([
      pinBases(dockerfile.images, registry, signal),
      version(signal),
    ]);
    return {
      pinned,
      elsewhere,
      inputs: {
        builder: `${BUILDER_ID}: ${builder}`,
        ...(config.platform && { platform: config.platform }),
        ...Object.fromEntries(
          pinned.map(base => [`base:${base.identifier}`, base.digest]),
        ),
      } as Record<string, string>,
      version: builder,
    };
  }

  async function build(request: BuildRequest): Promise<BuildResult> {
    const { registry, signal, log } = request;
    const dockerfile = await readDockerfile(request.workspace, request.build);
    const {
      pinned,
      elsewhere,
      inputs,
      version: builderVersion,
    } = await facts(dockerfile, registry, signal);
    for (const { identifier, digest } of pinned) {
      log(`${identifier} is ${digest} in ${registry.host}`);
    }
    for (const image of elsewhere) {
      log(
        `${image} is not in ${
          registry.host
        }; BuildKit gets it only from an allowed registry (${
          config.registries.join(', ') || 'none'
        })`,
      );
    }
    const scratch = await mkdtemp(join(tmpdir(), 'slipway-buildkit-'));
    try {
      await writeInputs(scratch, {
        dockerfile,
        registry,
        policy: sourcePolicy({
          bases: pinned,
          hosts: [registry.host, ...config.registries],
        }),
      });
      await runBuildctl({
        config,
        args: await buildArguments(request, scratch),
        environment: { DOCKER_CONFIG: join(scratch, 'docker') },
        log,
        signal,
      });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
    const written = await readResult(request.layout);
    return {
      ...written,
      inputs: {
        ...inputs,
        sourceDateEpoch: String(request.sourceDateEpoch),
      },
      builder: { id: BUILDER_ID, version: builderVersion },
    };
  }

  async function buildArguments(
    request: BuildRequest,
    scratch: string,
  ): Promise<string[]> {
    const { annotations, build: model, sourceDateEpoch } = request;
    const context = await inside(request.workspace, model.context);
    const option = (key: string, value: string) => ['--opt', `${key}=${value}`];
    return [
      'build',
      '--progress=plain',
      '--frontend=dockerfile.v0',
      `--local=context=${context}`,
      `--local=dockerfile=${join(scratch, 'dockerfile')}`,
      `--source-policy-file=${join(scratch, 'policy.json')}`,
      ...option('filename', 'Dockerfile'),
      ...(model.target ? option('target', model.target) : []),
      ...(config.platform ? option('platform', config.platform) : []),
      ...option('build-arg:SOURCE_DATE_EPOCH', String(sourceDateEpoch)),
      ...Object.entries(model.args).flatMap(([name, value]) =>
        option(`build-arg:${name}`, value),
      ),
      ...Object.entries(annotations).flatMap(([name, value]) =>
        option(`label:${name}`, value),
      ),
      '--output',
      [
        'type=oci',
        'tar=false',
        'oci-mediatypes=true',
        'rewrite-timestamp=true',
        `dest=${request.layout}`,
        ...Object.entries(annotations).map(
          ([name, value]) => `annotation.${name}=${value}`,
        ),
      ]
        .map(quoted)
        .join(','),
    ];
  }

  async function readResult(
    directory: string,
  ): Promise<Pick<BuildResult, 'digest' | 'mediaType' | 'sizeBytes'>> {
    const layout = await OciLayout.open(directory);
    const [descriptor, ...others] = await layout.index();
    if (!descriptor || others.length > 0) {
      throw new Error(
        `BuildKit wrote ${
          others.length + (descriptor ? 1 : 0)
        } images, expected one`,
      );
    }
    const { manifest } = await layout.readManifest(descriptor.digest);
    if (manifest.kind !== 'manifest') {
      throw new InputError(
        'The build gives an index of several images; name one platform in delivery.buildkit.platform',
      );
    }
    const sizeBytes = [manifest.config, ...manifest.layers].reduce(
      (sum, { size }) => sum + size,
      descriptor.size,
    );
    if (sizeBytes > config.maxBytes) {
      throw new InputError(
        `The image has ${sizeBytes} bytes; at most ${config.maxBytes} are taken (delivery.buildkit.maxBytes)`,
      );
    }
    return {
      digest: descriptor.digest,
      mediaType: descriptor.mediaType,
      sizeBytes,
    };
  }

  return {
    id: BUILDER_ID,
    priority: config.priority,
    async refuses(model, workspace) {
      if (model.dockerfile === undefined) {
        return 'BuildKit builds Dockerfiles, and the definition names none';
      }
      try {
        await readDockerfile(workspace, model);
        return undefined;
      } catch (error) {
        if (error instanceof InputError) {
          return error.message;
        }
        throw error;
      }
    },
    async fingerprint({ build: model, workspace, registry, signal }) {
      const dockerfile = await readDockerfile(workspace, model);
      if (dockerfile.isOpen) {
        return undefined;
      }
      const { inputs, elsewhere } = await facts(dockerfile, registry, signal);
      // What lies elsewhere has a digest that we do not know beforehand.
      return elsewhere.length > 0 ? undefined : inputs;
    },
    build,
  };
}

/** One field of the comma separated `--output`. */
function quoted(field: string): string {
  const line = field.replace(/[\r\n]+/g, ' ');
  return /[",]/.test(line) ? `"${line.replace(/"/g, '""')}"` : line;
}

/** What the client reads besides the context: never in the workspace, gone after the build. */
async function writeInputs(
  scratch: string,
  options: {
    dockerfile: ReadDockerfile;
    registry: RegistryAccess;
    policy: object;
  },
): Promise<void> {
  const { dockerfile, registry } = options;
  const credentials = await registry.credentials?.();
  await mkdir(join(scratch, 'dockerfile'));
  await mkdir(join(scratch, 'docker'), { mode: 0o700 });
  await writeFile(join(scratch, 'policy.json'), JSON.stringify(options.policy));
  await writeFile(join(scratch, 'dockerfile', 'Dockerfile'), dockerfile.text);
  if (dockerfile.ignore !== undefined) {
    await writeFile(
      join(scratch, 'dockerfile', 'Dockerfile.dockerignore'),
      dockerfile.ignore,
    );
  }
  await writeFile(
    join(scratch, 'docker', 'config.json'),
    JSON.stringify({
      auths: credentials
        ? {
            [registry.host]: {
              auth: Buffer.from(
                `${credentials.username}:${credentials.password}`,
              ).toString('base64'),
            },
          }
        : {},
    }),
    { mode: 0o600 },
  );
}
