import { DefinitionVersion } from './types';
import { v1alpha1 } from './v1alpha1';

/** Newest first; the first one is suggested when a file names none. */
export const VERSIONS: readonly DefinitionVersion[] = [v1alpha1];

export type { DefinitionVersion, EnvironmentField, FieldPlace } from './types';
