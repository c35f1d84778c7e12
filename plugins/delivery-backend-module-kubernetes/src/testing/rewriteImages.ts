import { randomBytes } from 'node:crypto';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { KubeClient, KubeObject, refOf } from '../client';
import { GENERATION_LABEL } from '../names';
import { admissionOf } from './admissions';

const quiet = new AbortController().signal;
const manager = { fieldManager: 'slipway-test' };

/** A real admission that is in force. */
export interface Rewriting {
  /** Of the MutatingAdmissionPolicy. */
  name: string;
  /** Takes it back, and waits until it is in force no more. */
  remove(): Promise<void>;
}

/**
 * Has the API server rewrite the image of generations' first containers, as
 * they are written, in one namespace and nowhere else.
 */
export async function rewriteImages(options: {
  /** With all rights. */
  client: KubeClient;
  namespace: string;
  resource: 'pods' | 'deployments';
  image: string;
  /** Whose objects stay as they are. */
  except?: string;
}): Promise<Rewriting> {
  const { client, namespace, resource, image, except } = options;
  const name = `slipway-test-rewrite-${randomBytes(4).toString('hex')}`;
  const isPod = resource === 'pods';
  const path = `${isPod ? '/spec' : '/spec/template/spec'}/containers/0/image`;
  const { policy, binding } = admissionOf({
    name,
    namespace,
    rule: {
      apiGroups: [isPod ? '' : 'apps'],
      resources: [resource],
      operations: isPod ? ['CREATE'] : ['CREATE', 'UPDATE'],
    },
    only: {
      matchExpressions: [
        { key: GENERATION_LABEL, operator: 'Exists' },
        {
          key: GENERATION_LABEL,
          operator: 'NotIn',
          values: [except ?? 'none'],
        },
      ],
    },
    mutation: {
      patchType: 'JSONPatch',
      jsonPatch: {
        expression: `[JSONPatch{op: "replace", path: ${JSON.stringify(
          path,
        )}, value: ${JSON.stringify(image)}}]`,
      },
    },
  });

  const podSpec = { containers: [{ name: 'app', image: 'unchanged:1' }] };
  const labels = { [GENERATION_LABEL]: 'trial' };
  const trial: KubeObject = {
    apiVersion: isPod ? 'v1' : 'apps/v1',
    kind: isPod ? 'Pod' : 'Deployment',
    metadata: { name: 'slipway-trial', namespace, labels },
    spec: isPod
      ? podSpec
      : {
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: podSpec },
        },
  };
  async function isInForce(): Promise<boolean> {
    const dry = { ...manager, dryRun: true };
    const made = await client.create(trial, dry, quiet);
    return JSON.stringify(made.spec).includes(image);
  }

  await client.create(policy, manager, quiet);
  await client.create(binding, manager, quiet);
  await poll('the policy is in force', isInForce, 60_000);
  return {
    name,
    async remove() {
      for (const object of [binding, policy]) {
        await client.delete(refOf(object), {}, quiet);
      }
      await poll(
        'the policy is in force no more',
        async () => !(await isInForce()),
        60_000,
      );
    },
  };
}
