import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import semver from 'semver';
import {
  LayerEntry,
  OCI_MEDIA_TYPES,
  OciLayout,
  writeLayer,
} from '@slipway/backstage-plugin-delivery-node';
import { logText } from '../testing';
import { cvss3BaseScore, severityOfScore } from './cvss';
import { matchVersion } from './match';
import { createNpmScanner } from './scanner';

jest.setTimeout(60_000);

const signal = new AbortController().signal;

const advisory = (id: string, name: string, rest: object = {}) => ({
  id,
  modified: '2026-11-01T00:00:00Z',
  affected: [
    {
      package: { ecosystem: 'npm', name },
      ranges: [
        { type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '2.0.0' }] },
      ],
    },
  ],
  ...rest,
});

describe('the npm scanner', () => {
  let directory: string;
  let advisories: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-scanner-'));
    advisories = join(directory, 'advisories');
    await mkdir(advisories);
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  async function image(...layers: Array<Record<string, string>>) {
    const layout = await OciLayout.create(join(directory, 'layout'));
    const descriptors = [];
    for (const files of layers) {
      const entries: LayerEntry[] = Object.entries(files).map(
        ([path, content]) => ({
          type: 'file',
          path,
          bytes: Buffer.from(content),
          ...(content.startsWith('\x7fELF') && { mode: 0o755 }),
        }),
      );
      const written = await writeLayer(layout, entries, {
        mtimeSeconds: 0,
        maxBytes: 10_000_000,
      });
      descriptors.push(written.descriptor);
    }
    const config = await layout.writeBlob(Buffer.from('{}'));
    const { digest } = await layout.writeBlob(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: OCI_MEDIA_TYPES.manifest,
          config: { mediaType: OCI_MEDIA_TYPES.config, ...config },
          layers: descriptors,
        }),
      ),
    );
    return { layout, digest, descriptors };
  }

  const scan = (digest: string, log = logText()) =>
    createNpmScanner({ advisories }).scan({
      layout: join(directory, 'layout'),
      digest,
      image: 'app',
      log: log.log,
      signal,
    });

  const write = (name: string, content: object | string) =>
    writeFile(
      join(advisories, name),
      typeof content === 'string' ? content : JSON.stringify(content),
    );

  const pkg = (name: string, version?: string) =>
    JSON.stringify({ name, version });

  it('finds what is visible in the end, and nothing that a later layer took away', async () => {
    await write('a.json', advisory('A-1', 'bad'));
    const { digest } = await image(
      {
        'app/node_modules/bad/package.json': pkg('bad', '1.0.0'),
        'app/node_modules/gone/node_modules/bad/package.json': pkg(
          'bad',
          '1.1.0',
        ),
        'app/node_modules/fixed/node_modules/bad/package.json': pkg(
          'bad',
          '1.2.0',
        ),
        'app/node_modules/opaque/node_modules/bad/package.json': pkg(
          'bad',
          '1.3.0',
        ),
        'app/elsewhere/package.json': pkg('bad', '1.4.0'),
      },
      {
        'app/node_modules/.wh.gone': '',
        'app/node_modules/fixed/node_modules/bad/package.json': pkg(
          'bad',
          '2.0.0',
        ),
        'app/node_modules/opaque/.wh..wh..opq': '',
        'app/node_modules/opaque/index.js': '',
      },
    );
    const { findings, sbom } = await scan(digest);
    expect(
      findings.map(({ id, package: found }) => [
        id,
        found?.version,
        found?.path,
      ]),
    ).toEqual([['A-1', '1.0.0', '/app/node_modules/bad']]);
    const versions = JSON.parse(sbom.toString()).components.map(
      (component: { version: string }) => component.version,
    );
    expect(versions).toEqual(['1.0.0', '2.0.0']);
  });

  it('writes an SBOM of the CycloneDX 1.6 shape that is the same each time', async () => {
    const { digest } = await image({
      'app/node_modules/@s/p/package.json': pkg('@s/p', '1.0.0-rc.1+build'),
    });
    const { sbom } = await scan(digest);
    expect((await scan(digest)).sbom).toEqual(sbom);
    const bom = JSON.parse(sbom.toString());
    expect(bom).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      version: 1,
      metadata: { component: { type: 'container', 'bom-ref': digest } },
      components: [
        {
          type: 'library',
          group: '@s',
          name: 'p',
          version: '1.0.0-rc.1+build',
          purl: 'pkg:npm/%40s/p@1.0.0-rc.1+build',
        },
      ],
    });
    expect(new Set(Object.keys(bom))).toEqual(
      new Set([
        'bomFormat',
        'specVersion',
        'version',
        'metadata',
        'components',
      ]),
    );
  });

  it('names what it cannot judge and never counts it as clean', async () => {
    await write('a.json', advisory('A-1', 'odd'));
    const { digest } = await image({
      'var/lib/dpkg/status': 'Package: libc6',
      'app/requirements.txt': 'flask',
      'app/go.sum': '',
      'app/lib/x.jar': 'PK',
      'usr/bin/tool': '\x7fELF...',
      'app/node_modules/noversion/package.json': pkg('noversion'),
      'app/node_modules/broken/package.json': '{',
      'app/node_modules/odd/package.json': pkg('odd', 'not-a-version'),
      'app/node_modules/esm/dist/package.json': '{"type":"module"}',
      'app/node_modules/esm/package.json': pkg('esm', '1.0.0'),
    });
    const { findings, notCovered } = await scan(digest);
    expect(findings).toEqual([]);
    expect(notCovered).toEqual([
      '1 native programs or libraries (Go, Rust, C and others)',
      'Go modules',
      'Java archives',
      'Python packages',
      'npm package at app/node_modules/broken: its package.json is not JSON',
      'npm package noversion at app/node_modules/noversion: no version',
      'npm package odd: version "not-a-version" cannot be compared with A-1',
      'operating system packages (Debian)',
    ]);
  });

  it('tells the age of its advisories, and that an empty folder judges nothing', async () => {
    const { digest } = await image({ a: '' });
    const empty = await scan(digest);
    expect(empty.databaseUpdatedAtMs).toBeUndefined();
    expect(empty.notCovered).toContain(
      'npm packages (the advisory database is empty)',
    );
    await write('a.json', advisory('A-1', 'x'));
    await mkdir(join(advisories, 'npm'));
    await write(
      'npm/b.json',
      advisory('A-2', 'x', { modified: '2026-11-20T12:00:00Z' }),
    );
    const log = logText();
    expect((await scan(digest, log)).databaseUpdatedAtMs).toBe(
      Date.parse('2026-11-20T12:00:00Z'),
    );
    expect(log.text()).toMatch(/Advisories: 2, changed last 2026-11-20/);
  });

  it.each([
    ['no JSON', '{'],
    ['no OSV', '{"id":"A-1"}'],
    [
      'a bad range',
      {
        ...advisory('A-1', 'x'),
        affected: [{ ranges: [{ type: 'SEMVER', events: [] }] }],
      },
    ],
  ])(
    'refuses to judge with a broken advisory, naming its file: %s',
    async (_what, content) => {
      const { digest } = await image({ a: '' });
      await write('broken.json', content);
      await expect(scan(digest)).rejects.toThrow(
        /broken\.json.*remove or fix it/,
      );
    },
  );

  it('leaves withdrawn advisories and other ecosystems out', async () => {
    await write(
      'w.json',
      advisory('W-1', 'bad', { withdrawn: '2026-10-01T00:00:00Z' }),
    );
    await write('p.json', {
      ...advisory('P-1', 'bad'),
      affected: [
        {
          package: { ecosystem: 'PyPI', name: 'bad' },
          versions: ['1.0.0'],
        },
      ],
    });
    const { digest } = await image({
      'app/node_modules/bad/package.json': pkg('bad', '1.0.0'),
    });
    expect((await scan(digest)).findings).toEqual([]);
  });

  it('judges no bytes but those of the digest', async () => {
    const { layout, digest, descriptors } = await image({
      'app/node_modules/bad/package.json': pkg('bad', '1.0.0'),
    });
    const other = await writeLayer(
      await OciLayout.create(join(directory, 'other')),
      [{ type: 'file', path: 'clean', bytes: Buffer.alloc(10) }],
      { mtimeSeconds: 0, maxBytes: 1000 },
    );
    await rm(layout.blobPath(descriptors[0].digest));
    await writeFile(
      layout.blobPath(descriptors[0].digest),
      await (
        await OciLayout.open(join(directory, 'other'))
      ).readBlob(other.descriptor.digest),
    );
    await expect(scan(digest)).rejects.toMatchObject({
      name: 'DigestMismatchError',
    });
  });

  it.each([
    ['1.9.9', true],
    ['2.0.0', false],
    ['2.0.0-rc.1', true],
    ['3.0.0', true],
    ['3.4.9', true],
    ['3.5.0', true],
    ['3.5.1', false],
    ['9.9.9', true],
    ['0.0.0-alpha', true],
  ])(
    'reads ranges as the OSV format says: %s is affected: %s',
    (version, expected) => {
      const match = matchVersion(version, {
        ranges: [
          {
            type: 'SEMVER',
            events: [
              { last_affected: '3.5.0' },
              { introduced: '3.0.0' },
              { fixed: '2.0.0' },
              { introduced: '0' },
            ],
          },
        ],
        versions: ['9.9.9'],
      });
      expect(match.affected).toBe(expected);
    },
  );

  it('agrees with semver on every range of one fix', () => {
    const version = fc
      .tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.constantFrom('', '-a', '-b.1'))
      .map(([a, b, c, pre]) => `${a}.${b}.${c}${pre}`);
    fc.assert(
      fc.property(version, version, version, (tested, introduced, fixed) => {
        fc.pre(semver.lt(introduced, fixed));
        const match = matchVersion(tested, {
          ranges: [{ type: 'SEMVER', events: [{ introduced }, { fixed }] }],
        });
        expect(match.affected).toBe(
          semver.gte(tested, introduced) && semver.lt(tested, fixed),
        );
      }),
    );
  });

  it.each([
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', 9.8, 'critical'],
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H', 10, 'critical'],
    ['CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N', 7.5, 'high'],
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N', 6.1, 'medium'],
    ['CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N', 1.8, 'low'],
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N', 0, 'unknown'],
  ])('scores %s as %d', (vector, score, severity) => {
    expect(cvss3BaseScore(vector)).toBe(score);
    expect(severityOfScore(score)).toBe(severity);
  });

  it('knows no score where there is none', () => {
    for (const vector of ['', 'CVSS:4.0/AV:N', 'CVSS:3.1/AV:N', 'nonsense']) {
      expect(cvss3BaseScore(vector)).toBeUndefined();
    }
  });
});
