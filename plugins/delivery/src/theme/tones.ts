import { Theme } from '@material-ui/core/styles';
import {
  Deployment,
  DeploymentStatus,
  Health,
  ReleaseStatus,
  StageStatus,
  StepState,
  VerdictKind,
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

export function deploymentTone(deployment: Pick<Deployment, 'status'>): Tone {
  return DEPLOYMENT_TONES[deployment.status];
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
