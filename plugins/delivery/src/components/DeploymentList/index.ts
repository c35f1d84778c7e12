export { DeploymentList, DeploymentTable } from './DeploymentList';
