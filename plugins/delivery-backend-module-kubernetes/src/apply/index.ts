export { assertWritable, revisionOf, type WriteContext } from './fence';
export { fencedApply } from './fencedApply';
export { fencedDelete } from './fencedDelete';
export { fencedPatch } from './fencedPatch';
export {
  conflictsOf,
  describeConflicts,
  fieldsOfOthers,
  isWrittenByUs,
  othersEntries,
  ownedItem,
  ownersOf,
  type FieldConflict,
  type OthersFields,
} from './owners';
export { noteTargetState, readTargetState } from './targetState';
export { createPlanObjects, type PlanObjectsOptions } from './planObjects';
export { planManifests, type PlanManifests } from './planManifests';
export { identityOf, namedBy, PRUNED_ROLES } from './prune';
