import { Complaint, didYouMean } from './problems';

/*
 * What spans several entries: names that must exist, that must be there once,
 * and orders that must not run in circles. Works on whatever is there, so that
 * these are reported together with what the schema finds.
 */

interface Entry {
  index: number;
  ref: string;
  after: Array<{ index: number; ref: string }>;
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Reflect.get(value, key)
    : undefined;
}

function entriesOf(
  value: unknown,
): Array<{ index: number; ref: string; entry: unknown }> {
  return Array.isArray(value)
    ? value.flatMap((entry: unknown, index) => {
        const ref = field(entry, 'ref');
        return typeof ref === 'string' ? [{ index, ref, entry }] : [];
      })
    : [];
}

/** Complaints about the environments and the image names of a document. */
export function checkEnvironments(
  document: unknown,
  known: string[],
): Complaint[] {
  const entries: Entry[] = entriesOf(field(document, 'environments')).map(
    ({ index, ref, entry }) => ({
      index,
      ref,
      after: entriesOf(field(entry, 'after')),
    }),
  );
  return [
    ...unknownEnvironments(entries, known),
    ...repeated(entries),
    ...conditions(entries),
    ...circles(entries),
    ...repeatedImages(field(document, 'images')),
  ];
}

function unknownEnvironments(entries: Entry[], known: string[]): Complaint[] {
  const expected =
    known.length > 0
      ? `one of the platform's environments: ${known.join(', ')}`
      : 'an environment of the platform, which has none configured yet';
  return entries
    .filter(({ ref }) => !known.includes(ref))
    .map(({ index, ref }) => ({
      path: ['environments', index, 'ref'],
      expected,
      found: `"${ref}"`,
      hint: didYouMean(ref, known),
    }));
}

function repeated(entries: Entry[]): Complaint[] {
  return entries
    .filter(({ ref }, place) =>
      entries.slice(0, place).some(other => other.ref === ref),
    )
    .map(({ index, ref }) => ({
      path: ['environments', index, 'ref'],
      expected: 'each environment once',
      found: `"${ref}" a second time`,
    }));
}

function conditions(entries: Entry[]): Complaint[] {
  const refs = entries.map(({ ref }) => ref);
  return entries.flatMap(entry =>
    entry.after.flatMap(({ index, ref }): Complaint[] => {
      const path = ['environments', entry.index, 'after', index, 'ref'];
      const others = refs.filter(other => other !== entry.ref);
      if (ref === entry.ref) {
        return [
          { path, expected: 'another environment', found: `"${ref}" itself` },
        ];
      }
      if (!refs.includes(ref)) {
        return [
          {
            path,
            expected:
              others.length > 0
                ? `another environment of this document: ${others.join(', ')}`
                : 'another environment of this document, which has none',
            found: `"${ref}"`,
            hint: didYouMean(ref, others),
          },
        ];
      }
      return [];
    }),
  );
}

/** One complaint for each circle, at the condition that closes it. */
function circles(entries: Entry[]): Complaint[] {
  const complaints: Complaint[] = [];
  const finished = new Set<string>();
  const visit = (entry: Entry, trail: string[]) => {
    if (finished.has(entry.ref)) {
      return;
    }
    for (const { index, ref } of entry.after) {
      const start = trail.indexOf(ref);
      if (start >= 0 && ref !== entry.ref) {
        complaints.push({
          path: ['environments', entry.index, 'after', index, 'ref'],
          expected: 'an order without circles',
          found: `${[...trail.slice(start), ref].join(' after ')}`,
        });
        continue;
      }
      const next = entries.find(other => other.ref === ref);
      if (next && start < 0) {
        visit(next, [...trail, ref]);
      }
    }
    finished.add(entry.ref);
  };
  entries.forEach(entry => visit(entry, [entry.ref]));
  return complaints;
}

function repeatedImages(images: unknown): Complaint[] {
  const complaints: Complaint[] = [];
  const seen = { name: new Set<string>(), repository: new Set<string>() };
  if (Array.isArray(images)) {
    images.forEach((image: unknown, index) => {
      for (const key of ['name', 'repository'] as const) {
        const value = field(image, key);
        if (typeof value === 'string') {
          if (seen[key].has(value)) {
            complaints.push({
              path: ['images', index, key],
              expected: `a ${key} of its own for each image`,
              found: `"${value}" a second time`,
            });
          }
          seen[key].add(value);
        }
      }
    });
  }
  return complaints;
}
