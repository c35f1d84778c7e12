import { HealthCode } from './codes';
import { NamedCause } from './types';

interface ReferenceFault {
  code: HealthCode;
  matches: RegExp;
  summary(name: string): string;
  action(name: string): string;
}

/*
 * What a pod refers to and does not find. The kubelet says it in the container's
 * status (environment) or in events (volumes), the API server when it refuses
 * the pod (ServiceAccount), the scheduler for volume claims.
 */
const FAULTS: ReferenceFault[] = [
  {
    code: 'config-key-missing',
    matches:
      /couldn't find key (\S+ in (?:ConfigMap|Secret) \S+)|references non-existent (?:config|secret) key: (\S+)/i,
    summary: name => `There is no key ${name}`,
    action: name => `Add ${name}, or mark the reference optional`,
  },
  {
    code: 'configmap-missing',
    matches: /configmaps? "?([^"\s]+)"? not found/i,
    summary: name => `The ConfigMap ${name} is missing`,
    action: name =>
      `Add the ConfigMap ${name} to the manifests, or create it in this namespace; the pod goes on by itself`,
  },
  {
    code: 'secret-missing',
    matches: /secrets? "?([^"\s]+)"? not found/i,
    summary: name => `The Secret ${name} is missing`,
    action: name =>
      `Create the Secret ${name} in this namespace, or see why its operator has not; the pod goes on by itself`,
  },
  {
    code: 'service-account-missing',
    matches: /serviceaccounts? "?([^"\s]+)"? not found/i,
    summary: name => `The ServiceAccount ${name} is missing`,
    action: name =>
      `Add the ServiceAccount ${name} to the manifests, or create it in this namespace`,
  },
  {
    code: 'volume-claim-missing',
    matches: /persistentvolumeclaim "?([^"\s]+)"? not found/i,
    summary: name => `The PersistentVolumeClaim ${name} is missing`,
    action: name =>
      `Create the PersistentVolumeClaim ${name} in this namespace, or correct the volume's name`,
  },
];

/** Names what the message misses; `undefined` when it misses something else. */
export function missingReference(
  message: string,
  sinceMs: number,
): NamedCause | undefined {
  for (const { code, matches, summary, action } of FAULTS) {
    const found = message.match(matches);
    const name = found?.slice(1).find(Boolean);
    if (name) {
      return {
        code,
        summary: summary(name),
        evidence: message,
        action: action(name),
        sinceMs,
      };
    }
  }
  return undefined;
}
