import {
  Deployment,
  Reason,
  Release,
  StepModel,
  TargetView,
  isKnown,
} from '@slipway/backstage-plugin-delivery-common';

/** A reason in one line, with what one can do about it. */
export function describeReason(reason: Reason | undefined): string {
  if (!reason) {
    return '';
  }
  const action = reason.action ? ` (${reason.action})` : '';
  return `: ${reason.message}${action}`;
}

export function describeRelease(release: Release): string {
  const running = release.stages.find(stage => stage.status === 'running');
  const stage = running ? ` (${running.stage})` : '';
  const digests =
    release.status === 'ready'
      ? release.images.map(image => ` ${image.digest}`).join('')
      : '';
  const problem = release.stages.find(
    candidate =>
      candidate.reason &&
      ['failed', 'blocked', 'errored'].includes(candidate.status),
  );
  return `Release ${release.version || release.commit.sha.slice(0, 8)} [${
    release.id
  }] is ${release.status}${stage}${digests}${
    release.status === 'ready'
      ? ''
      : describeReason(release.reason ?? problem?.reason)
  }`;
}

export function describeDeployment(deployment: Deployment): string {
  const { status, environment, releaseVersion, rollout } = deployment;
  const gates = (deployment.waitingFor ?? [])
    .filter(gate => !gate.open)
    .map(gate => gate.message);
  const waiting =
    (status === 'queued' || status === 'gated') && gates.length > 0
      ? `, waits: ${gates.join('; ')}`
      : '';
  const active =
    status === 'progressing' || status === 'paused'
      ? rollout?.steps[rollout.stepIndex]
      : undefined;
  const step = active
    ? `, step ${active.index + 1} of ${rollout?.steps.length}: ${describeStep(
        active.step,
      )}`
    : '';
  return `Deployment of ${releaseVersion} to ${environment} [${
    deployment.id
  }] is ${status}${step}${waiting}${describeReason(
    deployment.reason ?? rollout?.paused?.detail ?? rollout?.error?.reason,
  )}`;
}

function describeStep(step: StepModel): string {
  switch (step.type) {
    case 'weight':
      return `weight ${step.percent} %`;
    case 'route':
      return step.headers.length > 0
        ? `route by ${step.headers.map(({ name }) => name).join(', ')}`
        : 'end of the route by headers';
    case 'mirror':
      return step.percent > 0 ? `mirror ${step.percent} %` : 'end of mirroring';
    case 'pause':
      return step.durationMs === undefined
        ? 'pause until somebody promotes'
        : `pause of ${Math.round(step.durationMs / 1000)} s`;
    case 'hook':
      return `job ${step.job}`;
    case 'delegate':
      return `${step.leader} replaces in place`;
    default:
      return step.type;
  }
}

/** One environment of `slipway status`. */
export function describeTarget(target: TargetView): string {
  const stable = target.stable
    ? `${target.stable.version} (${target.stable.commitSha.slice(0, 8)})`
    : 'nothing';
  const instances = isKnown(target.workloads)
    ? target.workloads.known.generations
        .filter(generation => generation.wanted > 0)
        .map(generation => `${generation.ready}/${generation.wanted} ready`)
        .join(' + ')
    : `unknown: ${target.workloads.unknown}`;
  const lines = [
    `${target.environment.name}: ${stable}, ${target.health.status}${
      instances ? `, ${instances}` : ''
    }`,
    ...target.health.causes.map(cause => `  ${cause}`),
  ];
  if (target.hold) {
    lines.push(`  on hold by ${target.hold.by.ref}: ${target.hold.reason}`);
  }
  for (const deployment of [target.active, ...target.queued]) {
    if (deployment) {
      lines.push(`  ${describeDeployment(deployment)}`);
    }
  }
  return lines.join('\n');
}
