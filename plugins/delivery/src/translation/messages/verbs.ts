/** Verbs, and what exactly each of them will do. */
export const verbs = {
  label: {
    promote: 'Promote',
    'promote-full': 'Promote fully',
    'skip-step': 'Skip step',
    pause: 'Pause',
    resume: 'Resume',
    abort: 'Abort',
    retry: 'Retry',
    cancel: 'Cancel deployment',
    hold: 'Hold',
    'release-hold': 'Release hold',
    restart: 'Restart',
    'take-over': 'Take over',
    'give-back': 'Give back…',
    'give-back-again': 'Try again to give back…',
    deploy: 'Deploy…',
    rollback: 'Roll back…',
  },
  pending: {
    promote: 'Promoting…',
    'promote-full': 'Promoting fully…',
    'skip-step': 'Skipping the step…',
    pause: 'Pausing…',
    resume: 'Resuming…',
    abort: 'Aborting…',
    retry: 'Retrying…',
    cancel: 'Cancelling…',
    hold: 'Setting the hold…',
    'release-hold': 'Releasing the hold…',
    restart: 'Restarting…',
    'take-over': 'Taking over…',
    'give-back': 'Giving back…',
    deploy: 'Deploying…',
    rollback: 'Rolling back…',
  },
  group: 'Verbs for {{environment}}',
  disabled: '{{verb}}: {{reason}}',
  refused: '{{verb}} was refused: {{message}}',
  failed: '{{verb}} could not be sent: {{message}}',
  accepted: '{{verb}}: {{message}}',
  dialog: {
    title: '{{verb}} in {{environment}}?',
    will: 'This will:',
    reason: 'Reason',
    reasonHelp: 'It is kept in the audit and shown to others.',
    confirm: '{{verb}} now',
    noReleases: 'No release is ready yet.',
    nothingRan:
      'No other release has run here, so there is none to go back to.',
    chooseRelease: 'Release',
    current: 'runs now',
    notRestorable: 'These will not come back:',
    changes: 'What would change of what runs',
    change: {
      added: 'new: {{object}}',
      changed: 'changed: {{object}}',
      removed: 'removed: {{object}}',
    },
    unchanged: '{{objects}} objects stay as they are',
    more: 'and {{fields}} more fields',
  },
  will: {
    giveBackAgain:
      'go on giving {{environment}} back where it stopped; it waited for: {{message}}',
    giveBackHold: 'stop all automatic deployments to {{environment}} at once',
    giveBackServes:
      'let {{version}} ({{digest}}) serve on as a plain workload of the environment, and turn all traffic to it before anything is taken away',
    giveBackMarks:
      'take our marks, fields and copies off everything: others change it from then on, and Slipway neither watches nor repairs it',
    giveBackReturn: 'until something is deployed here again',
    keepIt: 'stop giving {{environment}} back, and make it ours again',
    promoteNext:
      'go on in {{environment}} from step {{step}} to step {{next}}: {{what}}',
    promoteLast:
      'end the last step in {{environment}} and make {{version}} stable',
    weights:
      'send {{percent}} of the traffic to {{version}} ({{digest}}) and {{rest}} to {{stable}}',
    allTraffic: 'send 100 % of the traffic to {{version}} ({{digest}})',
    skipSteps_one: 'skip the {{count}} step that is left, and its measurements',
    skipSteps_other:
      'skip the {{count}} steps that are left, and their measurements',
    drain: 'drain {{stable}} afterwards',
    skipStep: 'skip step {{step}} ({{what}}) without its result',
    pause: 'stop at step {{step}} ({{what}}) until somebody resumes',
    keepWeights:
      'keep the traffic as it is: {{percent}} on {{version}} ({{digest}})',
    resume: 'go on with step {{step}} ({{what}})',
    abortBack:
      'send 100 % of the traffic back to {{stable}} ({{digest}}) first',
    abortFirst: 'stop {{version}}; nothing was stable before it',
    abortRemove: 'then take {{version}} away',
    abortSticky: 'keep it so: no automation takes {{version}} up again',
    retry: 'deploy {{version}} ({{digest}}) again, from the first step',
    cancel:
      'take the deployment of {{version}} out of the queue of {{environment}}',
    hold: 'stop all automatic deployments to {{environment}} until the hold is released',
    releaseHold:
      'let automatic deployments to {{environment}} go on (hold by {{who}}: {{reason}})',
    restart:
      'start new instances of {{version}} ({{digest}}) in {{environment}} and stop the old ones, batch by batch',
    takeOver:
      'make what others have changed in {{environment}} ours again, or go on although a newer database has written it',
    deploy:
      'bring {{version}} ({{digest}}) to {{environment}}, in the steps of its definition',
    replaces: 'replace {{stable}} ({{digest}})',
    replacesNothing: 'replace nothing: nothing is stable there yet',
    rollback:
      'apply {{version}} ({{digest}}) to {{environment}} again, whole: image, manifests and configuration',
    rollbackHold:
      'set a hold on {{environment}}, so that automation does not undo it',
  },
  state: {
    noDeployment: 'nothing is going on',
    notPaused: 'it is not paused',
    goingBack: 'it is going back already',
    nothingStable: 'nothing is stable here yet',
    noHold: 'there is no hold',
    busy: 'another verb is being carried out',
    started: 'it has started already: abort it instead',
    gated: 'it has not started yet',
  },
} as const;
