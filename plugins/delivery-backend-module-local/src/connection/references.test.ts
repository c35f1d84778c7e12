import { EnvEntry, imageAnswerSchema } from '../locald';
import { secretReferences } from './references';

describe('what a Plan says of its secrets', () => {
  const env: EnvEntry[] = [
    { name: 'API', secret: { name: 'till', key: 'api' } },
    { name: 'URL', secret: { name: 'till', key: 'url' } },
    { name: 'NAME', secret: { name: 'constructor', key: 'name' } },
  ];

  it('tells their versions, as something that does not come back', () => {
    expect(secretReferences({ env }, { till: 'ab12' })).toEqual([
      {
        kind: 'Secret',
        name: 'till',
        restorable: false,
        version: 'ab12',
        detail: 'keys api, url',
      },
      {
        kind: 'Secret',
        name: 'constructor',
        restorable: false,
        detail: 'key name',
      },
    ]);
  });

  it('says nothing about versions when a slipway-locald does not tell them', () => {
    const { secrets } = imageAnswerSchema.parse({});
    const references = secretReferences({ env }, secrets);
    expect(references).toHaveLength(2);
    expect(references.every(reference => !('version' in reference))).toBe(true);
  });
});
