import fc from 'fast-check';
import { compareFields } from './compareFields';

describe('Fields that differ', () => {
  it('finds nothing between a thing and itself, whatever the order of named members', () => {
    const container = fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      image: fc.string(),
      ports: fc.array(fc.integer()),
    });
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.uniqueArray(container, { selector: ({ name }) => name }),
        (value, containers) => {
          expect(
            compareFields(value, JSON.parse(JSON.stringify(value))),
          ).toEqual([]);
          expect(
            compareFields(
              { containers },
              { containers: [...containers].reverse() },
            ),
          ).toEqual([]);
        },
      ),
    );
  });

  it('names each by its path, with what it was and what it would be', () => {
    expect(
      compareFields(
        {
          spec: {
            replicas: 2,
            containers: [
              { name: 'app', image: 'one' },
              { name: 'old', image: 'x' },
            ],
            args: ['a', 'b'],
          },
          metadata: { labels: { 'app.example/name': 'a' } },
        },
        {
          spec: {
            replicas: 3,
            containers: [{ name: 'app', image: 'two' }],
            args: ['a', 'c', 'd'],
          },
          metadata: { labels: { 'app.example/name': 'b' } },
        },
      ),
    ).toEqual([
      {
        path: 'metadata.labels[app.example/name]',
        before: 'a',
        after: 'b',
      },
      { path: 'spec.args[1]', before: 'b', after: 'c' },
      { path: 'spec.args[2]', after: 'd' },
      { path: 'spec.containers[app].image', before: 'one', after: 'two' },
      { path: 'spec.containers[old]', before: '{"name":"old","image":"x"}' },
      { path: 'spec.replicas', before: '2', after: '3' },
    ]);
  });

  it('shortens what is long', () => {
    const [change] = compareFields({ a: '' }, { a: 'x'.repeat(10_000) });
    expect(change.after).toHaveLength(200);
  });
});
