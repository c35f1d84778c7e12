import { HealthCode } from './codes';
import { ContainerStatus } from './objects';
import { NamedCause } from './types';

/** Reasons of a container that waits for its image. */
const REASONS = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);

interface PullFault {
  code: HealthCode;
  matches: RegExp;
  summary(image: string): string;
  action: string;
}

/*
 * In the words of containerd, CRI-O and the registries; the first that matches.
 * A registry that hides what one may not see answers 404 or "denied" for both.
 */
const FAULTS: PullFault[] = [
  {
    code: 'image-pull-platform',
    matches: /no match for platform|no matching manifest|exec format error/i,
    summary: image => `The image ${image} has nothing for this node's platform`,
    action:
      'Build the image for the platforms of the nodes, or choose nodes of its platform by nodeSelector kubernetes.io/arch',
  },
  {
    code: 'image-pull-rate-limit',
    matches: /\b429\b|toomanyrequests|too many requests|rate.?limit/i,
    summary: image => `The registry refuses ${image}: too many pulls`,
    action:
      'Wait, pull with credentials, or mirror the image into a registry of your own',
  },
  {
    code: 'image-pull-auth',
    matches:
      /\b401\b|\b403\b|unauthorized|authentication required|authorization failed|access denied|\bdenied\b|forbidden|no basic auth|insufficient_scope/i,
    summary: image => `The registry does not let the node pull ${image}`,
    action:
      'Give the pod an imagePullSecret (or its ServiceAccount one) that may pull this repository, and check that it has not expired',
  },
  {
    code: 'image-pull-not-found',
    matches: /not found|manifest unknown|name unknown|does not exist|\b404\b/i,
    summary: image => `The registry has no ${image}`,
    action:
      'Check the repository and the digest; a registry that cleans up may have deleted it: make the release again',
  },
  {
    code: 'image-pull-unreachable',
    matches:
      /no such host|connection refused|connection reset|i\/o timeout|timeout|deadline exceeded|dial tcp|tls|x509|server misbehaving|\beof\b|\b50[0-9]\b|no route to host|HTTP response to HTTPS client|unavailable/i,
    summary: image => `The node cannot reach the registry of ${image}`,
    action:
      'See whether the registry answers from the node (its DNS, proxy, certificate); pulling goes on by itself when it does',
  },
];

function anyFault(image: string, reason: string): Omit<PullFault, 'matches'> {
  if (reason === 'InvalidImageName') {
    return {
      code: 'image-name-invalid',
      summary: () => `"${image}" is no image reference`,
      action: 'Correct the image in the manifests',
    };
  }
  return {
    code: 'image-pull',
    summary: () => `The image ${image} cannot be pulled`,
    action: 'The message of the runtime says why',
  };
}

/** Why a container's image is not there, from its status and the pod's events. */
export function imagePullCause(
  status: ContainerStatus,
  image: string,
  pullMessages: string[],
  sinceMs: number,
): NamedCause | undefined {
  const { reason = '', message = '' } = status.state?.waiting ?? {};
  if (!REASONS.has(reason)) {
    return undefined;
  }
  // While it backs off older runtimes say nothing else; their event does.
  const evidence =
    [message, ...pullMessages].find(
      text => text && !/^Back-off pulling image "[^"]*"$/.test(text),
    ) ?? `${reason} of ${image}`;
  // The image's own name must not decide: it may contain "denied" or "404".
  const text = evidence.split(image).join(' ');
  const fault =
    (reason !== 'InvalidImageName' &&
      FAULTS.find(({ matches }) => matches.test(text))) ||
    anyFault(image, reason);
  return {
    code: fault.code,
    summary: fault.summary(image),
    evidence,
    action: fault.action,
    sinceMs,
  };
}
