import { KubeObject } from '../client';

const API = 'admissionregistration.k8s.io/v1';

/** A real admission and what puts it in force, in one namespace and nowhere else. */
export function admissionOf(options: {
  name: string;
  namespace: string;
  rule: {
    apiGroups: string[];
    resources: string[];
    operations: string[];
  };
  /** Which of these objects; default: all. */
  only?: Record<string, unknown>;
  matchConditions?: Array<{ name: string; expression: string }>;
  mutation: Record<string, unknown>;
}): { policy: KubeObject; binding: KubeObject } {
  const { name, namespace, rule, only, matchConditions, mutation } = options;
  return {
    policy: {
      apiVersion: API,
      kind: 'MutatingAdmissionPolicy',
      metadata: { name },
      spec: {
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        matchConstraints: {
          namespaceSelector: {
            matchLabels: { 'kubernetes.io/metadata.name': namespace },
          },
          ...(only && { objectSelector: only }),
          resourceRules: [{ apiVersions: ['v1'], ...rule }],
        },
        ...(matchConditions && { matchConditions }),
        mutations: [mutation],
      },
    },
    binding: {
      apiVersion: API,
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name },
    },
  };
}
