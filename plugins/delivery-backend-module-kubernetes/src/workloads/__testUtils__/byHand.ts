import { KubeClient, KubeObject } from '../../client';
import { PodOwner } from '../../health';
import { mapping } from '../../plan';
import { quiet } from './harness';

/** What people do with kubectl, by the same requests and field managers. */
export function byHand(client: KubeClient, namespace: string) {
  const refTo = (name: string) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name,
    namespace,
  });
  const get = async (name: string): Promise<PodOwner> => {
    const found = await client.get(refTo(name), quiet);
    if (!found) {
      throw new Error(`There is no Deployment ${name}`);
    }
    return found;
  };
  return {
    get,
    /** `kubectl scale` */
    scale: (name: string, replicas: number) =>
      client.patch(
        refTo(name),
        { spec: { replicas } },
        { fieldManager: 'kubectl', subresource: 'scale' },
        quiet,
      ),
    /** `kubectl set image`, `kubectl edit` */
    edit: (name: string, patch: Record<string, unknown>) =>
      client.patch(refTo(name), patch, { fieldManager: 'kubectl-edit' }, quiet),
    /** `kubectl patch`, `kubectl set env`: lists are merged by the names of their items. */
    strategic: (name: string, patch: Record<string, unknown>) =>
      client.raw(
        {
          method: 'PATCH',
          path: `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`,
          contentType: 'application/strategic-merge-patch+json',
          query: { fieldManager: 'kubectl-patch' },
          body: patch,
        },
        quiet,
      ),
    /** `kubectl rollout undo`: the template of the ReplicaSet before comes back. */
    async undo(name: string) {
      const { items } = await client.list(
        { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
        { namespace },
        quiet,
      );
      const revision = ({ metadata }: KubeObject) =>
        Number(
          metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0,
        );
      const [, before] = items
        .filter(({ metadata }) =>
          metadata.ownerReferences?.some(owner => owner.name === name),
        )
        .sort((a, b) => revision(b) - revision(a));
      const template = mapping(mapping(before.spec).template);
      const metadata = mapping(template.metadata);
      const { 'pod-template-hash': _, ...labels } = mapping(metadata.labels);
      await client.patch(
        refTo(name),
        {
          spec: {
            template: { ...template, metadata: { ...metadata, labels } },
          },
        },
        { fieldManager: 'kubectl-rollout' },
        quiet,
      );
    },
  };
}
