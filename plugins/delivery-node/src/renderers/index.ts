export { plainRenderer } from './plain';
export {
  assertNoLiteralSecret,
  assertResolvedImages,
  isMapping,
  parseObject,
  resolveImages,
  type KubernetesObject,
} from './objects';
