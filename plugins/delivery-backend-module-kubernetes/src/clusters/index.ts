export { createClusters, type Clusters } from './createClusters';
export { readNamespaces } from './namespaceConfig';
export { createNamespaces } from './namespaces';
