import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestFiles } from './manifests';
import { CLUSTER_RIGHTS, NAMESPACE_RIGHTS, WATCHED_RIGHTS } from './rights';
import { WATCHED_KINDS } from '../watch';

const FOLDER = join(__dirname, '..', '..', 'manifests');

describe('The manifests', () => {
  it.each(Object.entries(manifestFiles()))(
    'say in %s what the module asks for',
    async (name, text) => {
      const file = join(FOLDER, name);
      if (process.env.SLIPWAY_WRITE_MANIFESTS) {
        await mkdir(FOLDER, { recursive: true });
        await writeFile(file, text);
      }
      // Written anew by: SLIPWAY_WRITE_MANIFESTS=1 yarn test manifests
      expect(await readFile(file, 'utf8')).toBe(text);
    },
  );

  it('ask for every kind that is watched', () => {
    const rights = [...WATCHED_RIGHTS, ...CLUSTER_RIGHTS]
      .filter(({ verbs }) => verbs.includes('watch'))
      .map(({ group, resource }) => `${group}/${resource}`);
    const watched = WATCHED_KINDS.map(({ apiVersion, kind }) => {
      const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
      return `${group}/${kind.toLowerCase()}s`;
    });
    expect(rights.sort()).toEqual(watched.sort());
  });

  it('never ask for more than they name: no wildcards, no secrets, no rights', () => {
    for (const right of [
      ...WATCHED_RIGHTS,
      ...CLUSTER_RIGHTS,
      ...NAMESPACE_RIGHTS,
    ]) {
      expect([right.group, right.resource, ...right.verbs]).not.toContain('*');
      expect(right.resource).not.toMatch(/secrets|roles|rolebindings/);
    }
  });
});
