import { judge, measure, nextMeasurementAtMs } from '../analysis';
import { renderPlan } from '../release';
import { decide } from '../rollout';
import { Rooms } from './types';

/** The rooms of this house. */
export const defaultRooms: Rooms = {
  decide,
  judge,
  measure,
  nextMeasurementAtMs,
  renderPlan,
};
