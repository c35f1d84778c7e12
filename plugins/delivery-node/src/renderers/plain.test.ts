import { plainRenderer } from '.';

const APP = 'registry:5000/shop/app:v1@sha256:'.concat('a'.repeat(64));
const deployment = (image: string) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: checkout }
spec:
  template:
    spec:
      containers:
        - name: checkout
          image: ${image}
`;
const config = (name: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n`;

function render(
  files: Record<string, string | Buffer>,
  path: string = 'deploy',
) {
  return plainRenderer.render({
    target: { service: 'component:default/checkout', environment: 'staging' },
    releaseId: 'r',
    bundle: new Map(
      Object.entries(files).map(([name, content]) => [
        name,
        Buffer.from(content),
      ]),
    ),
    path,
    images: { app: APP },
    signal: new AbortController().signal,
  });
}

const read = (bytes: Buffer) => JSON.parse(bytes.toString('utf8'));

it('gives every document of a file or folder as an object, in order, with what was built in its place', async () => {
  const objects = await render({
    'deploy/b.yaml': config('b'),
    'deploy/a.yml': `---\n${config('a')}---\n# nothing\n---\n${deployment(
      'app',
    )}`,
    'deploy/sub/c.json': JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'c' },
    }),
    'deploy/README.md': '# not a manifest',
    'deployment/other.yaml': config('other'),
  });
  expect(objects.map(({ id }) => id)).toEqual([
    'v1/ConfigMap/a',
    'apps/v1/Deployment/checkout',
    'v1/ConfigMap/b',
    'v1/Service/c',
  ]);
  expect(read(objects[1].bytes).spec.template.spec.containers).toEqual([
    { name: 'checkout', image: APP },
  ]);
  expect(await render({ 'x.yaml': config('x') }, './x.yaml')).toHaveLength(1);
  expect(await render({ 'x.yaml': config('x') }, '.')).toHaveLength(1);
});

it('puts images into every kind of container, wherever a pod is described, and leaves texts alone', async () => {
  const [job, map] = await render({
    'deploy/job.yaml': `apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec:
  jobTemplate:
    spec:
      template:
        spec:
          initContainers: [{ name: a, image: app }]
          containers: [{ name: b, image: app }]
`,
    'deploy/map.yaml': `${config('map')}data: { containers: "image: nginx" }\n`,
  });
  const { spec } = read(job.bytes).spec.jobTemplate.spec.template;
  expect(spec.initContainers[0].image).toBe(APP);
  expect(spec.containers[0].image).toBe(APP);
  expect(read(map.bytes).data.containers).toBe('image: nginx');
});

it.each<[string, Record<string, string | Buffer>, RegExp]>([
  [
    'an image of nobody',
    { 'deploy/a.yaml': deployment('nginx:latest') },
    /^deploy\/a.yaml:9:18: the image "nginx:latest" is none of the definition's \(app\)/,
  ],
  [
    'an image by digest that was not scanned',
    { 'deploy/a.yaml': deployment(`evil@sha256:${'b'.repeat(64)}`) },
    /:9:18: the image "evil@sha256/,
  ],
  [
    'no image',
    { 'deploy/a.yaml': deployment('') },
    /:9:18: expected the name of an image in spec.template.spec.containers.0, found nothing/,
  ],
  [
    'a namespace',
    {
      'deploy/a.yaml': config('a').replace(
        'name: a',
        'name: a, namespace: kube-system',
      ),
    },
    /^deploy\/a.yaml:3:33: the namespace is the environment's/,
  ],
  [
    'secret values',
    {
      'deploy/a.yaml':
        'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\ndata: { password: aHVudGVyMg== }\n',
    },
    /^deploy\/a.yaml:1:1: a Secret with its values/,
  ],
  [
    'the same object twice',
    { 'deploy/a.yaml': config('a'), 'deploy/b.yaml': `\n${config('a')}` },
    /^deploy\/b.yaml:2:1: v1\/ConfigMap\/a is defined at deploy\/a.yaml:1:1 already/,
  ],
  [
    'no name',
    { 'deploy/a.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {}\n' },
    /:1:1: expected metadata.name to be a text, found nothing/,
  ],
  [
    'a name that is a number',
    {
      'deploy/a.yaml': 'apiVersion: v1\nkind: Service\nmetadata: { name: 1 }\n',
    },
    /metadata.name to be a text, found 1/,
  ],
  [
    'a list of objects',
    {
      'deploy/a.yaml':
        'apiVersion: v1\nkind: List\nmetadata: { name: l }\nitems: []\n',
    },
    /a List is not taken/,
  ],
  ['a text', { 'deploy/a.yaml': 'hello\n' }, /:1:1: expected an object/],
  [
    'broken YAML',
    { 'deploy/a.yaml': `${config('a')}---\na: [b\n` },
    /^deploy\/a.yaml:6:1: /,
  ],
  [
    'a key twice',
    { 'deploy/a.yaml': `${config('a')}kind: Secret\n` },
    /^deploy\/a.yaml:4:1: "kind" stands here a second time/,
  ],
  [
    'a tag',
    { 'deploy/a.yaml': `${config('a')}data: !evil {}\n` },
    /^deploy\/a.yaml:4:7: .*tag/i,
  ],
  ['nothing', { 'deploy/a.yaml': '# empty\n' }, /have no objects in them/],
  [
    'no files',
    { 'other/a.yaml': config('a') },
    /neither a file of this commit nor a folder/,
  ],
  [
    'bytes that are no text',
    { 'deploy/a.yaml': Buffer.from([0xff, 0xfe, 0x00]) },
    /not text in UTF-8/,
  ],
  [
    'more than ten megabytes',
    { 'deploy/a.yaml': `# ${'x'.repeat(10 * 1024 * 1024)}` },
    /at most 10485760 are taken/,
  ],
  [
    'brackets without end',
    { 'deploy/a.yaml': '['.repeat(100_000) },
    /brackets are open/,
  ],
  [
    'dashes without end',
    { 'deploy/a.yaml': `${'- '.repeat(100_000)}x` },
    /gives up|deeper|call stack/,
  ],
  [
    'aliases that multiply',
    {
      'deploy/a.yaml': `${config(
        'a',
      )}a: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefgh'
        .split('')
        .map(
          (key, index) =>
            `${key}: &${key} [${Array(9)
              .fill(`*${'abcdefgh'[index]}`)
              .join(', ')}]`,
        )
        .join('\n')}\n`,
    },
    /aliases stand for more than/,
  ],
])('refuses %s as the content’s mistake', async (_what, files, message) => {
  const error = await render(files).then(
    () => undefined,
    reason => reason,
  );
  expect(error).toMatchObject({ name: 'InputError' });
  expect(error.message).toMatch(message);
});
