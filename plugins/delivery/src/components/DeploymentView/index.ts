export { DeploymentView } from './DeploymentView';
