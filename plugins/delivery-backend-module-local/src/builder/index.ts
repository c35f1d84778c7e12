export { createEmbeddedBuilder, type EmbeddedBuilderOptions } from './embedded';
export { makeBaseImage, DEFAULT_BASE_IMAGE } from './baseImage';
