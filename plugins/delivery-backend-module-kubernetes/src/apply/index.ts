export {
  assertWritable,
  epochOf,
  fencedApply,
  fencedDelete,
  fencedPatch,
  nameForPeople,
  revisionOf,
  type WriteContext,
} from './fencedWrite';
export { conflictsOf, describeConflicts, ownersOf } from './owners';
export { noteTargetState, readTargetState } from './targetState';
