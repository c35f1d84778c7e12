import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Ajv from 'ajv/dist/2020';
import { parse, parseAllDocuments } from 'yaml';
import { definitionJsonSchema, parseDefinition } from '.';

/*
 * Editors and the parser must agree on the form of a file. The schema is made
 * from the parser's; this looks at what comes out.
 */

const validate = new Ajv({ strict: false, allErrors: true }).compile(
  definitionJsonSchema(),
);

const DOCUMENT = {
  apiVersion: 'delivery.slipway.dev/v1alpha1',
  kind: 'Delivery',
  images: [{ name: 'app', repository: 'shop/hello' }],
  environments: [{ ref: 'staging' }],
};

/** A field of the guide's example, by path, replaced. */
function withField(path: string, value: unknown): unknown {
  const guide = readFileSync(
    join(__dirname, '../../../../docs/delivery-yaml.md'),
    'utf8',
  );
  const example = /```yaml title="everything"\n([^]*?)```/.exec(guide)?.[1];
  const document: unknown = parse(example ?? '');
  const segments = path.split('.').filter(Boolean);
  const last = segments.pop();
  const parent = segments.reduce<object>(
    (current, segment) => Object(Reflect.get(current, segment)),
    Object(document),
  );
  if (last) {
    Reflect.set(parent, last, value);
  }
  return document;
}

const problemsOf = (document: unknown) =>
  parseDefinition(JSON.stringify(document), {
    file: 'delivery.yaml',
    name: 'checkout',
    environments: ['staging', 'production'],
  }).problems;

it('accepts what the parser accepts: the smallest file, the example and everything in the guide', () => {
  const example = readFileSync(
    join(__dirname, '../../../../examples/storefront/base/delivery.yaml'),
    'utf8',
  );
  const documents = [
    DOCUMENT,
    withField('', undefined),
    ...parseAllDocuments(example).map(document => Object(document.toJS())),
  ];
  expect(documents).toHaveLength(4);
  for (const document of documents) {
    expect({ valid: validate(document), errors: validate.errors }).toEqual({
      valid: true,
      errors: null,
    });
    const name = document.metadata?.name ?? 'checkout';
    expect(
      parseDefinition(JSON.stringify(document), {
        file: 'delivery.yaml',
        name,
        environments: ['staging', 'production'],
      }).problems,
    ).toEqual([]);
  }
});

it.each([
  ['kind', 'Other'],
  ['apiVersion', 'v9'],
  ['extra', 1],
  ['images', []],
  ['images.0.repository', 'host:5000/x'],
  ['images.0.build.context', '../x'],
  ['images.0.build.args', { A: 1 }],
  ['source.paths', 'src'],
  ['defaults.progressDeadline', 30],
  ['defaults.progressDeadline', '30 s'],
  ['environments.0.deploy', 'sometimes'],
  ['environments.0.strategy', {}],
  ['environments.0.strategy.rolling', null],
  ['environments.1.connection', { type: 'local' }],
  ['environments.1.strategy.canary.steps.0', {}],
  ['environments.1.strategy.canary.steps.0.weight', 10],
  ['environments.1.strategy.canary.steps.0.weight', '110%'],
  ['environments.1.strategy.canary.metrics.0.name', 'Luck!'],
  ['environments.1.strategy.canary.rollbackWindow', -1],
  ['environments.1.hooks', {}],
  ['environments.1.hooks.0', { job: 'migrate' }],
  ['environments.1.hooks.0.job', 'Not A Name'],
  ['environments.1.hooks.0.at', 'between'],
  ['environments.1.hooks.0.deadline', 'soon'],
  ['policy.block.0.severity', 'bad'],
])('refuses what the parser refuses: %s = %j', (path, value) => {
  const document = withField(path, value);
  expect(validate(document)).toBe(false);
  expect(problemsOf(document)).not.toEqual([]);
});

it('lies in the repository for editors, as it is', () => {
  const path = join(
    __dirname,
    '../../../../docs/schemas/delivery.v1alpha1.json',
  );
  if (process.env.UPDATE_SCHEMA) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(
      path,
      `${JSON.stringify(definitionJsonSchema(), undefined, 2)}\n`,
    );
  }
  // When this fails: run this file again with UPDATE_SCHEMA=1.
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(
    JSON.parse(JSON.stringify(definitionJsonSchema())),
  );
});

it('says what fields mean, for people who hover over them', () => {
  const schema = JSON.stringify(definitionJsonSchema());
  expect(schema).toContain('https://json-schema.org/draft/2020-12/schema');
  expect(schema.match(/"description"/g)?.length).toBeGreaterThan(30);
});
