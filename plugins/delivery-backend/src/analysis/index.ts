export { judge } from './judge';
export { measure } from './measure';
export { nextMeasurementAtMs } from './windows';
export { formatLimits, formatValue, labelOf } from './names';
export { newInCanary } from './logs';
