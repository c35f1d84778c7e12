export { InstancesPanel } from './InstancesPanel';
