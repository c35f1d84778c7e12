export { buildDockerfile, refusalOfDockerfile } from './build';
