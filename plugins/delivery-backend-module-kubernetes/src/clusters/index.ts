export { createClusters, type Clusters } from './createClusters';
export {
  namespacesOn,
  readNamespaces,
  readWatchScope,
} from './namespaceConfig';
export { createNamespaces } from './namespaces';
