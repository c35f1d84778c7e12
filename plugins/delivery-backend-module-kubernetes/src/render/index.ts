export { createHelmRenderer } from './helm';
export { createKustomizeRenderer } from './kustomize';
export {
  DEFAULT_RENDER_LIMITS,
  type RenderLimits,
  type RenderPrograms,
} from './types';
