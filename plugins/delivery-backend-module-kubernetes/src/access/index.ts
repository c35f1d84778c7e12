export {
  clusterRights,
  manifestFiles,
  namespaceRights,
  toYaml,
  type Subject,
} from './manifests';
export * from './rights';
