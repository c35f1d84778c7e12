import { join } from 'node:path';
import { InputError } from '@backstage/errors';
import {
  parseObject,
  PlanObject,
  Renderer,
} from '@slipway/backstage-plugin-delivery-node';
import { bundlePath, withFolder } from './folder';
import { findProgram, runRenderer } from './run';
import { renderTwice } from './twice';
import { RenderLimits } from './types';

const MAX_RELEASE_NAME = 53;
const HOOK = 'helm.sh/hook';

/**
 * Renders `manifests: { helm: <chart> }`, with `values.yaml` of the chart and
 * `values-<environment>.yaml` beside it where there is one. The definition's
 * images are there as `.Values.slipway.images.<name>`; a template may also
 * write the image's name, as in plain manifests.
 *
 * Charts that ask the cluster (`lookup`) or that have hooks are refused: a
 * Plan is rendered without a cluster, and what runs before or after it is the
 * definition's `hooks`. Dependencies have to lie in `charts/`.
 */
export function createHelmRenderer(options: {
  program?: string;
  limits: RenderLimits;
}): Renderer {
  return {
    id: 'helm',
    async render(request) {
      const { bundle, signal, target } = request;
      const path = bundlePath(request.path);
      const chart = path ? `${path}/Chart.yaml` : 'Chart.yaml';
      if (!bundle.has(chart)) {
        throw new InputError(
          `"${request.path}" has no Chart.yaml; expected the folder of a chart`,
        );
      }
      refuseLookup(bundle, path);
      const program = await findProgram(
        [options.program ?? 'helm'],
        'delivery.kubernetes.render.helm',
      );
      const values = `${path ? `${path}/` : ''}values-${
        target.environment
      }.yaml`;
      const what = `helm ${request.path}`;
      const objects = await withFolder(bundle, folder =>
        renderTwice(request, what, () =>
          runRenderer({
            what,
            program,
            args: [
              'template',
              releaseName(target.service),
              join(folder, path),
              ...(bundle.has(values) ? ['--values', join(folder, values)] : []),
              ...Object.keys(request.images).flatMap(name => [
                '--set-string',
                `slipway.images.${name}=${name}`,
              ]),
            ],
            folder,
            environment: {
              HELM_CACHE_HOME: join(folder, '.helm-cache'),
              HELM_CONFIG_HOME: join(folder, '.helm-config'),
              HELM_DATA_HOME: join(folder, '.helm-data'),
            },
            limits: options.limits,
            signal,
          }),
        ),
      );
      refuseHooks(objects, what);
      return objects;
    },
  };
}

/** The last part of the service's ref, as Helm's releases may be called. */
function releaseName(service: string): string {
  const name = (service.split('/').pop() ?? service)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .slice(0, MAX_RELEASE_NAME)
    .replace(/^-+|-+$/g, '');
  return name || 'service';
}

function refuseLookup(bundle: Map<string, Buffer>, path: string): void {
  const prefix = path ? `${path}/` : '';
  for (const [file, bytes] of bundle) {
    if (!file.startsWith(prefix) || !file.includes('templates/')) {
      continue;
    }
    const lines = bytes.toString('utf8').split('\n');
    const index = lines.findIndex(line => /\{\{[^}]*\blookup\b/.test(line));
    if (index >= 0) {
      throw new InputError(
        `${file}:${
          index + 1
        }: "lookup" asks a cluster, and charts are rendered without one; give the value in values.yaml`,
      );
    }
  }
}

function refuseHooks(objects: PlanObject[], what: string): void {
  for (const object of objects) {
    const metadata = parseObject(object)?.metadata;
    const annotations =
      typeof metadata === 'object' &&
      metadata !== null &&
      'annotations' in metadata
        ? metadata.annotations
        : undefined;
    if (
      typeof annotations === 'object' &&
      annotations !== null &&
      HOOK in annotations
    ) {
      throw new InputError(
        `${what}: ${object.id} is a Helm hook, which nothing here would run; write it as a hook of the delivery definition, or leave it out by a value`,
      );
    }
  }
}
