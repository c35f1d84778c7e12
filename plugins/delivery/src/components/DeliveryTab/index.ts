export { DeliveryTab } from './DeliveryTab';
export { useTabPaths, TabPathsBelow } from './TabPaths';
export { useOverview } from './useOverview';
