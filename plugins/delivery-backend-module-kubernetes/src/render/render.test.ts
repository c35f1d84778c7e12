import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { RenderRequest } from '@slipway/backstage-plugin-delivery-node';
import { createHelmRenderer, createKustomizeRenderer } from './index';
import { findProgram } from './run';
import { DEFAULT_RENDER_LIMITS } from './types';

/*
 * With the real programs where they are (PATH, or the folders of
 * SLIPWAY_RENDER_TOOLS); everything before a program runs, always.
 */

jest.setTimeout(120_000);

const IMAGE = `registry.example.com/shop/checkout:1@sha256:${'a'.repeat(64)}`;
const limits = DEFAULT_RENDER_LIMITS;
const path = [process.env.SLIPWAY_RENDER_TOOLS, process.env.PATH]
  .filter(Boolean)
  .join(delimiter);

const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata: { name: checkout }
spec:
  replicas: 1
  selector: { matchLabels: { app: checkout } }
  template:
    metadata: { labels: { app: checkout } }
    spec:
      containers: [{ name: app, image: app }]
`;

function request(
  folder: string,
  files: Record<string, string>,
  signal: AbortSignal = new AbortController().signal,
): RenderRequest {
  return {
    target: {
      service: 'component:default/checkout',
      environment: 'production',
    },
    releaseId: 'r1',
    bundle: new Map(
      Object.entries(files).map(([name, text]) => [name, Buffer.from(text)]),
    ),
    path: folder,
    images: { app: IMAGE },
    signal,
  };
}

const objectsOf = (objects: Array<{ id: string; bytes: Buffer }>) =>
  Object.fromEntries(
    objects.map(({ id, bytes }) => [id, JSON.parse(bytes.toString())]),
  );

let kubectl: string | undefined;
let helm: string | undefined;
beforeAll(async () => {
  const find = async (names: string[]) => {
    try {
      return await findProgram(names, 'SLIPWAY_RENDER_TOOLS', path);
    } catch (error) {
      if (process.env.SLIPWAY_REQUIRE_CLUSTER) {
        throw error;
      }
      // eslint-disable-next-line no-console
      console.warn(`SKIPPED tests with ${names.join(' or ')}: ${error}`);
      return undefined;
    }
  };
  kubectl = await find(['kustomize', 'kubectl']);
  helm = await find(['helm']);
});

describe('kustomize', () => {
  const base = {
    'deploy/base/kustomization.yaml': 'resources: [deployment.yaml]\n',
    'deploy/base/deployment.yaml': DEPLOYMENT,
  };
  const render = (folder: string, files: Record<string, string>) =>
    createKustomizeRenderer({ program: kubectl, limits }).render(
      request(folder, files),
    );

  it('renders an overlay on a base of the repository, with the release’s image', async () => {
    if (!kubectl) {
      return;
    }
    const objects = await render('deploy/production', {
      ...base,
      'deploy/production/kustomization.yaml':
        'resources: [../base]\nreplicas: [{ name: checkout, count: 3 }]\nconfigMapGenerator: [{ name: settings, literals: [a=1] }]\n',
    });
    const found = objectsOf(objects);
    expect(found['apps/v1/Deployment/checkout'].spec).toMatchObject({
      replicas: 3,
      template: { spec: { containers: [{ image: IMAGE }] } },
    });
    expect(Object.keys(found)).toEqual([
      expect.stringMatching(/^v1\/ConfigMap\/settings-/),
      'apps/v1/Deployment/checkout',
    ]);
  });

  it('says what kustomize says, without where it ran', async () => {
    if (!kubectl) {
      return;
    }
    const failed = render('deploy/base', {
      'deploy/base/kustomization.yaml':
        'resources: [deployment.yaml]\npatches: [{ path: absent.yaml }]\n',
      'deploy/base/deployment.yaml': DEPLOYMENT,
    });
    await expect(failed).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringMatching(/kustomize deploy\/base: .*absent\.yaml/s),
    });
    await expect(failed).rejects.not.toThrow(tmpdir());
  });

  it.each([
    ['https://github.com/acme/bases//web?ref=v1'],
    ['git@github.com:acme/bases.git'],
    ['github.com/acme/bases'],
    ['/etc'],
    ['../../../../etc'],
    ['absent'],
  ])('fetches nothing: %s is refused with its line', async remote => {
    await expect(
      render('deploy/base', {
        ...base,
        'deploy/base/kustomization.yaml': `resources:\n  - deployment.yaml\n  - ${remote}\n`,
      }),
    ).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringContaining('deploy/base/kustomization.yaml:3: '),
    });
  });

  it('a base that is remote in a base is found as well', async () => {
    await expect(
      render('deploy/production', {
        'deploy/production/kustomization.yaml': 'resources: [../base]\n',
        'deploy/base/kustomization.yaml': 'bases: ["https://example.com/x"]\n',
      }),
    ).rejects.toThrow(/deploy\/base\/kustomization.yaml:1/);
  });

  it('charts inside of it, and a folder without a kustomization, are refused', async () => {
    await expect(
      render('deploy/base', {
        'deploy/base/kustomization.yaml': 'helmCharts: [{ name: x }]\n',
      }),
    ).rejects.toThrow(/helmCharts is not taken/);
    await expect(
      render('deploy', { 'deploy/a.yaml': DEPLOYMENT }),
    ).rejects.toThrow(/no kustomization.yaml/);
  });
});

describe('helm', () => {
  const chart = {
    'chart/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
    'chart/values.yaml': 'replicas: 1\n',
    'chart/templates/deployment.yaml': DEPLOYMENT.replace(
      'replicas: 1',
      'replicas: {{ .Values.replicas }}',
    ).replace('image: app', 'image: {{ .Values.slipway.images.app }}'),
  };
  const render = (
    files: Record<string, string>,
    options: Partial<typeof limits> = {},
    signal?: AbortSignal,
  ) =>
    createHelmRenderer({
      program: helm,
      limits: { ...limits, ...options },
    }).render(request('chart', files, signal));

  it('renders with the values of the environment, and the release’s image', async () => {
    if (!helm) {
      return;
    }
    const objects = await render({
      ...chart,
      'chart/values-production.yaml': 'replicas: 5\n',
    });
    expect(
      objectsOf(objects)['apps/v1/Deployment/checkout'].spec,
    ).toMatchObject({
      replicas: 5,
      template: { spec: { containers: [{ image: IMAGE }] } },
    });
  });

  it('what comes out differently each time is refused', async () => {
    if (!helm) {
      return;
    }
    await expect(
      render({
        ...chart,
        'chart/templates/config.yaml':
          'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: token }\ndata: { token: {{ randAlphaNum 20 | quote }} }\n',
      }),
    ).rejects.toThrow(/differ in v1\/ConfigMap\/token/);
  });

  it('hooks are refused', async () => {
    if (!helm) {
      return;
    }
    await expect(
      render({
        ...chart,
        'chart/templates/hook.yaml':
          'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: hook, annotations: { "helm.sh/hook": pre-install } }\n',
      }),
    ).rejects.toThrow(/is a Helm hook/);
  });

  it('a template that loops ends at the limits', async () => {
    if (!helm) {
      return;
    }
    const loops = {
      ...chart,
      'chart/templates/loop.yaml':
        '{{- range $i := until 100000 }}{{ range $j := until 100000 }}{{ $x := printf "%d%d" $i $j }}{{ end }}{{ end }}',
    };
    await expect(render(loops, { timeoutMs: 1_500 })).rejects.toThrow(
      /longer than 1.5 s/,
    );
    const big = {
      ...chart,
      'chart/templates/big.yaml':
        '{{- range until 200000 }}# {{ repeat 100 "x" }}\n{{ end }}',
    };
    await expect(render(big, { maxBytes: 100_000 })).rejects.toThrow(
      /more than 100000 bytes/,
    );
    await expect(render(big, { maxMemoryBytes: 20_000_000 })).rejects.toThrow(
      /of memory/,
    );
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('stopped')), 300);
    await expect(render(loops, {}, stop.signal)).rejects.toThrow('stopped');
  });

  it('a dependency that is not in charts/ is not fetched', async () => {
    if (!helm) {
      return;
    }
    await expect(
      render({
        ...chart,
        'chart/Chart.yaml':
          'apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{ name: redis, version: 1.0.0, repository: "https://charts.example.com" }]\n',
      }),
    ).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringMatching(/redis/),
    });
  });

  it('lookup is refused with its line, and a folder without a chart', async () => {
    await expect(
      render({
        ...chart,
        'chart/templates/secret.yaml':
          '# a secret\n{{ $old := lookup "v1" "Secret" "ns" "name" }}\n',
      }),
    ).rejects.toThrow('chart/templates/secret.yaml:2: "lookup"');
    await expect(render({ 'chart/values.yaml': '' })).rejects.toThrow(
      /no Chart.yaml/,
    );
  });
});

describe('programs', () => {
  it('one that is not there is said with the way out', async () => {
    await expect(
      findProgram(['helm'], 'delivery.kubernetes.render.helm', '/nowhere'),
    ).rejects.toMatchObject({
      name: 'NotFoundError',
      message: expect.stringMatching(
        /helm is not installed .* delivery\.kubernetes\.render\.helm/,
      ),
    });
  });

  it('gets no environment of ours', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-program-'));
    try {
      const program = join(folder, 'helm');
      await writeFile(program, '#!/bin/sh\nset\nexit 1\n');
      await chmod(program, 0o755);
      process.env.SLIPWAY_TEST_SECRET = 'open sesame';
      await expect(
        createHelmRenderer({ program, limits }).render(
          request('chart', {
            'chart/Chart.yaml': 'apiVersion: v2\nname: a\nversion: 1.0.0\n',
          }),
        ),
      ).rejects.not.toThrow(/sesame/);
    } finally {
      delete process.env.SLIPWAY_TEST_SECRET;
      await rm(folder, { recursive: true, force: true });
    }
  });
});
