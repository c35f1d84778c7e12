import { isConflict, KubeObject, ManagedFieldsEntry, refOf } from '../client';
import { FIELD_MANAGER } from '../names';
import { WriteContext } from './fence';
import { fieldsIn, Fields, stepOf, othersOf, without } from './owners';

/*
 * How a field goes away that somebody has added to an object of ours.
 *
 * An apply removes what its manager owns and does not name any more. So the
 * added fields are made ours first, by a write that changes nothing but who
 * owns them, and the apply that follows leaves them out.
 *
 * A JSON patch with the places of the fields would be a write apart from the
 * apply: pods would be renewed twice, and what took the place of something of
 * ours, such as a probe of another kind, can neither be removed before that is
 * back nor stand beside it. This way the API server itself finds containers,
 * variables and ports by their keys, and what another manager owns as well
 * stays.
 *
 * Both writes are of exactly what was read, under its epoch. Who dies in
 * between has left something that the next apply of ours completes.
 */

/** Whether a field (`.spec.template.spec.hostNetwork`) is to be taken. */
export type IsTaken = (field: string) => boolean;

/** A part of a set of fields, by the leaves. */
function partOf(fields: Fields, isTaken: IsTaken, above = ''): Fields {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, value]) => {
      if (key === '.') {
        return [];
      }
      const inner = fieldsIn(value);
      const path = `${above}${stepOf(key)}`;
      const isLeaf = Object.keys(inner).every(name => name === '.');
      if (isLeaf) {
        return isTaken(path) ? [[key, inner]] : [];
      }
      const part = partOf(inner, isTaken, path);
      const isSome = Object.keys(part).length > 0;
      // An item of a list goes as a whole, where all of it goes.
      const isWhole = isSome && isSame(part, inner);
      return isSome ? [[key, isWhole ? inner : part]] : [];
    }),
  );
}

/** Whether nothing but the mark of the thing itself is missing of it, all the way down. */
function isSame(part: Fields, whole: Fields): boolean {
  return Object.entries(whole).every(
    ([key, value]) =>
      key === '.' ||
      (part[key] !== undefined && isSame(fieldsIn(part[key]), fieldsIn(value))),
  );
}

/** Both sets of fields. */
function union(one: Fields, other: Fields): Fields {
  const both: Fields = { ...one };
  for (const [key, value] of Object.entries(other)) {
    both[key] = union(fieldsIn(one[key]), fieldsIn(value));
  }
  return both;
}

const isOwn = ({ manager, subresource }: ManagedFieldsEntry) =>
  manager === FIELD_MANAGER && !subresource;

/**
 * Who owns which field once those of others that are to be taken are ours, as
 * if we had applied them; `undefined`: there is none. Pure.
 */
export function withTaken(
  entries: ManagedFieldsEntry[] = [],
  isTaken: IsTaken,
): ManagedFieldsEntry[] | undefined {
  const applied = entries.find(
    ({ manager, operation, subresource }) =>
      manager === FIELD_MANAGER && operation === 'Apply' && !subresource,
  );
  const sample = applied ?? entries.find(isOwn);
  if (!sample) {
    return undefined;
  }
  let taken: Fields = {};
  const rest = entries.flatMap((entry): ManagedFieldsEntry[] => {
    const theirs = othersOf(entry, entries);
    if (!theirs || entry.apiVersion !== sample.apiVersion) {
      return [entry];
    }
    const part = partOf(theirs, isTaken);
    if (Object.keys(part).length === 0) {
      return [entry];
    }
    taken = union(taken, part);
    const fieldsV1 = without(entry.fieldsV1 ?? {}, [part]);
    return Object.keys(fieldsV1).length > 0 ? [{ ...entry, fieldsV1 }] : [];
  });
  if (Object.keys(taken).length === 0) {
    return undefined;
  }
  const {
    manager,
    apiVersion,
    time,
    fieldsV1 = {},
  } = applied ?? {
    ...sample,
    fieldsV1: {},
  };
  return [
    ...rest.filter(entry => entry !== applied),
    {
      manager,
      operation: 'Apply',
      apiVersion,
      ...(time && { time }),
      fieldsType: 'FieldsV1',
      fieldsV1: union(fieldsV1, taken),
    },
  ];
}

/** An object whose added fields are ours, and how to undo that. */
export interface Taken {
  object: KubeObject | undefined;
  /** When what was to follow is refused: else nobody would see any more who added it. */
  giveBack(): Promise<void>;
}

/**
 * Makes the fields ours, over exactly what was read. `undefined`: somebody was
 * faster, read again.
 */
export async function takeFields(
  { client, signal }: WriteContext,
  existing: KubeObject,
  isTaken: IsTaken,
): Promise<Taken | undefined> {
  const entries = withTaken(existing.metadata.managedFields, isTaken);
  if (!entries) {
    return { object: existing, giveBack: async () => undefined };
  }
  const write = (over: KubeObject, managedFields: unknown) =>
    client.patch(
      refOf(existing),
      {
        metadata: {
          managedFields,
          resourceVersion: over.metadata.resourceVersion,
        },
      },
      { fieldManager: FIELD_MANAGER },
      signal,
    );
  try {
    const object = await write(existing, entries);
    return {
      object,
      async giveBack() {
        await write(object, existing.metadata.managedFields).catch(
          // What was refused is what is told.
          () => undefined,
        );
      },
    };
  } catch (error) {
    if (isConflict(error)) {
      return undefined;
    }
    throw error;
  }
}
