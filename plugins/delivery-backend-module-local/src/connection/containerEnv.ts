import { InputError } from '@backstage/errors';
import { EnvEntry } from '../locald';
import { ContainerManifest } from './manifestSchema';

/** What the cluster would know of a pod, by what is known here. */
const FIELDS: Record<string, EnvEntry['field']> = {
  'metadata.name': 'name',
  'metadata.namespace': 'environment',
  'status.podIP': 'address',
  'status.hostIP': 'address',
};

/**
 * The variables of a container: texts of the manifests and of their ConfigMaps,
 * and references to what is known where the process starts. What cannot be is
 * added to `ignored`.
 *
 * Errors: `InputError` for a ConfigMap, or a key of one, that is not there.
 */
export function readEnv(
  id: string,
  container: ContainerManifest,
  configMaps: Map<string, Record<string, string>>,
  ignored: string[],
): EnvEntry[] {
  const entries: EnvEntry[] = [];
  for (const { prefix = '', configMapRef } of container.envFrom ?? []) {
    if (configMapRef) {
      const data = configMaps.get(configMapRef.name);
      if (!data && !configMapRef.optional) {
        throw missingConfigMap(id, configMapRef.name, configMaps);
      }
      for (const [key, value] of Object.entries(data ?? {})) {
        entries.push({ name: `${prefix}${key}`, value });
      }
    }
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const config = valueFrom?.configMapKeyRef;
    const secret = valueFrom?.secretKeyRef;
    const field = valueFrom?.fieldRef?.fieldPath;
    if (config) {
      const found = configMaps.get(config.name)?.[config.key];
      if (found !== undefined) {
        entries.push({ name, value: found });
      } else if (!config.optional) {
        throw configMaps.has(config.name)
          ? new InputError(
              `${id}: the variable ${name} needs the key "${config.key}", which ConfigMap "${config.name}" does not have`,
            )
          : missingConfigMap(id, config.name, configMaps);
      }
    } else if (secret) {
      entries.push({ name, secret });
    } else if (field !== undefined) {
      if (FIELDS[field]) {
        entries.push({ name, field: FIELDS[field] });
      } else {
        ignored.push(`${id}: the variable ${name} from the field ${field}`);
      }
    } else {
      entries.push({ name, value: value ?? '' });
    }
  }
  return entries;
}

function missingConfigMap(
  id: string,
  name: string,
  configMaps: Map<string, unknown>,
): InputError {
  return new InputError(
    `${id} takes variables from ConfigMap "${name}", which is not among the manifests; found: ${
      [...configMaps.keys()].join(', ') || 'none'
    }`,
  );
}
