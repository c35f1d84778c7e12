export {
  clusterRights,
  manifestFiles,
  namespaceRights,
  toYaml,
  type Subject,
} from './manifests';
export * from './rights';
export { checkAccess } from './checkAccess';
export { tellWhatIsMissing } from './tellWhatIsMissing';
