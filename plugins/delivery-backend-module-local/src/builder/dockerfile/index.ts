export {
  buildDockerfile,
  imagesOfDockerfile,
  refusalOfDockerfile,
} from './build';
