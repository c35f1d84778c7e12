import { HealthCode } from './codes';
import { missingReference } from './references';
import { NamedCause } from './types';

interface Refusal {
  code: HealthCode;
  matches: RegExp;
  summary(found: RegExpMatchArray): string;
  action(found: RegExpMatchArray): string;
}

/*
 * Why the API server lets no pod be made, in the words of its admission plugins
 * (they stand in the ReplicaSet's events and in the Deployment's condition
 * ReplicaFailure).
 */
const REFUSALS: Refusal[] = [
  {
    code: 'quota-exceeded',
    matches: /exceeded quota: ([^,]+),/i,
    summary: ([, quota]) => `The quota ${quota} of the namespace is used up`,
    action: ([, quota]) =>
      `Ask for a greater ResourceQuota ${quota}, ask for less in resources, or scale something down; pods are made by themselves then`,
  },
  {
    code: 'quota-exceeded',
    matches: /failed quota: ([^:]+): must specify (.+)/i,
    summary: ([, quota, what]) =>
      `The quota ${quota} wants every pod to name ${what}`,
    action: ([, , what]) => `Set ${what} for each container in the manifests`,
  },
  {
    code: 'pod-security',
    matches: /violates PodSecurity "([^"]+)": ([\s\S]+)/i,
    summary: ([, level, rules]) =>
      `Pod Security "${level}" forbids the pod: ${ruleNames(rules)}`,
    action: ([, , rules]) =>
      `Change the manifests so that these rules hold: ${ruleNames(rules)}`,
  },
  {
    code: 'admission-denied',
    matches: /admission webhook "([^"]+)" denied the request:? ?([\s\S]*)/i,
    summary: ([, webhook]) =>
      `The admission webhook ${webhook} refuses the pod`,
    action: ([, webhook]) =>
      `Do what its message asks for; who owns ${webhook} can say more`,
  },
  {
    code: 'admission-denied',
    matches:
      /ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request/i,
    summary: ([, policy]) => `The admission policy ${policy} refuses the pod`,
    action: ([, policy]) =>
      `Do what its message asks for; who owns ${policy} can say more`,
  },
  {
    code: 'webhook-failing',
    matches: /failed calling webhook "([^"]+)"/i,
    summary: ([, webhook]) =>
      `The admission webhook ${webhook} does not answer, and nothing is let in without it`,
    action: ([, webhook]) =>
      `See the service behind ${webhook}; pods are made by themselves when it answers`,
  },
  {
    code: 'limit-range',
    matches:
      /(?:maximum|minimum) (\S+) usage per (?:Container|Pod) is|limit to request ratio/i,
    summary: () =>
      `A container's resources are outside of the namespace's LimitRange`,
    action: () => 'Set resources within what the message names',
  },
  {
    code: 'service-account-missing',
    matches: /error looking up service account [^/\s]+\/([^:\s]+)/i,
    summary: ([, account]) => `The ServiceAccount ${account} is missing`,
    action: ([, account]) =>
      `Add the ServiceAccount ${account} to the manifests, or create it in this namespace`,
  },
];

/** `allowPrivilegeEscalation != false (...)` to `allowPrivilegeEscalation != false`. */
function ruleNames(rules: string): string {
  return rules
    .replace(/\((?:[^()]|\([^()]*\))*\)/g, '')
    .split(',')
    .map(rule => rule.trim())
    .filter(Boolean)
    .join(', ');
}

/** Names what forbids pods; the message is the API server's refusal. */
export function causeOfRefusal(message: string, sinceMs: number): NamedCause {
  for (const { code, matches, summary, action } of REFUSALS) {
    const found = message.match(matches);
    if (found) {
      return {
        code,
        summary: summary(found),
        evidence: message,
        action: action(found),
        sinceMs,
      };
    }
  }
  return (
    missingReference(message, sinceMs) ?? {
      code: 'pod-refused',
      summary: 'The API server refuses to make the pod',
      evidence: message,
      action: 'The message says what is wrong with the pod',
      sinceMs,
    }
  );
}
