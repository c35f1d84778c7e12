import { Theme } from '@material-ui/core/styles';
import {
  Deployment,
  DeploymentStatus,
  Health,
  ReleaseStatus,
  StageStatus,
  StepState,
  TargetView,
  Track,
  VerdictKind,
  isTerminalDeployment,
} from '@slipway/backstage-plugin-delivery-common';

/**
 * The one colour language: as wanted, moving, waits for someone, broken,
 * unknown. A tone always comes with an icon and a word.
 */
export type Tone = 'neutral' | 'moving' | 'waiting' | 'broken' | 'unknown';

interface StatusPalette {
  ok?: string;
  running?: string;
  warning?: string;
  error?: string;
  aborted?: string;
}

/** The tone's colour from the theme's status tokens, where the theme has them. */
export function toneColour(theme: Theme, tone: Tone): string {
  const status: StatusPalette =
    'status' in theme.palette ? (theme.palette.status as StatusPalette) : {};
  switch (tone) {
    case 'neutral':
      return theme.palette.text.secondary;
    case 'moving':
      return status.running ?? theme.palette.info.main;
    case 'waiting':
      return status.warning ?? theme.palette.warning.main;
    case 'broken':
      return status.error ?? theme.palette.error.main;
    default:
      return status.aborted ?? theme.palette.text.disabled;
  }
}

export function healthTone(health: Health): Tone {
  const tones: Record<Health, Tone> = {
    healthy: 'neutral',
    progressing: 'moving',
    degraded: 'broken',
    unknown: 'unknown',
    idle: 'unknown',
  };
  return tones[health];
}

const DEPLOYMENT_TONES: Record<DeploymentStatus, Tone> = {
  queued: 'waiting',
  gated: 'waiting',
  progressing: 'moving',
  paused: 'waiting',
  aborting: 'moving',
  errored: 'broken',
  succeeded: 'neutral',
  'rolled-back': 'broken',
  failed: 'broken',
  aborted: 'broken',
  cancelled: 'unknown',
  superseded: 'unknown',
};

export function deploymentTone(
  deployment: Pick<Deployment, 'status' | 'rollout'>,
): Tone {
  // A pause that ends by itself waits for nobody.
  return deployment.status === 'paused' &&
    !waitsForPerson(deployment.rollout?.paused)
    ? 'moving'
    : DEPLOYMENT_TONES[deployment.status];
}

export function waitsForPerson(
  paused: NonNullable<Deployment['rollout']>['paused'],
): boolean {
  return paused?.reason !== 'step' || paused.untilMs === undefined;
}

/** What a box as a whole says: broken first, then what moves, then what waits. */
export function targetTone(target: TargetView): Tone {
  const { active, health, hold } = target;
  if (health.status === 'degraded') {
    return 'broken';
  }
  if (active && !isTerminalDeployment(active.status)) {
    return deploymentTone(active);
  }
  return hold ? 'waiting' : healthTone(health.status);
}

/** The fill of a track in bars; the canary has stripes, told without colour. */
export function trackFill(theme: Theme, track: Track | 'gone') {
  switch (track) {
    case 'stable':
      return { backgroundColor: theme.palette.text.secondary };
    case 'canary':
      return {
        backgroundImage: `repeating-linear-gradient(45deg, ${toneColour(
          theme,
          'moving',
        )} 0 8px, ${theme.palette.background.paper} 8px 11px)`,
      };
    case 'preview':
      return { backgroundColor: toneColour(theme, 'moving') };
    default:
      return { backgroundColor: theme.palette.divider };
  }
}

export function releaseTone(status: ReleaseStatus): Tone {
  const tones: Record<ReleaseStatus, Tone> = {
    queued: 'waiting',
    running: 'moving',
    ready: 'neutral',
    failed: 'broken',
    blocked: 'broken',
    errored: 'broken',
    cancelled: 'unknown',
  };
  return tones[status];
}

export function stageTone(status: StageStatus): Tone {
  const tones: Record<StageStatus, Tone> = {
    pending: 'unknown',
    running: 'moving',
    done: 'neutral',
    failed: 'broken',
    blocked: 'broken',
    errored: 'broken',
    skipped: 'unknown',
    cancelled: 'unknown',
  };
  return tones[status];
}

export function stepTone(status: StepState['status']): Tone {
  const tones: Record<StepState['status'], Tone> = {
    pending: 'unknown',
    active: 'moving',
    done: 'neutral',
    skipped: 'unknown',
    failed: 'broken',
  };
  return tones[status];
}

export function verdictTone(verdict: VerdictKind | undefined): Tone {
  const tones: Record<VerdictKind, Tone> = {
    pass: 'neutral',
    fail: 'broken',
    inconclusive: 'waiting',
    error: 'broken',
  };
  return verdict ? tones[verdict] : 'moving';
}

/** The theme's secondary colour is too faint for a small label on the page's own ground. */
export const READABLE_LABEL = { style: { color: 'inherit' } };
