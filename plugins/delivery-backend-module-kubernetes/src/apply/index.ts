export { assertWritable, revisionOf, type WriteContext } from './fence';
export { fencedApply, fencedDelete, fencedPatch } from './fencedWrite';
export {
  conflictsOf,
  describeConflicts,
  ownersOf,
  type FieldConflict,
} from './owners';
export { noteTargetState, readTargetState } from './targetState';
export { createPlanObjects, type PlanObjectsOptions } from './planObjects';
export { planManifests, type PlanManifests } from './planManifests';
export { identityOf, namedBy, PRUNED_ROLES } from './prune';
