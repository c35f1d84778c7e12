export { createClusters, type Clusters } from './createClusters';
export {
  namespacesIn,
  namespacesOn,
  readNamespaces,
  readWatchScope,
} from './namespaceConfig';
export { createNamespaces } from './namespaces';
