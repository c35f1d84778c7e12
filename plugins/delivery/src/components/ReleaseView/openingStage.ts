import { Release, StageName } from '@slipway/backstage-plugin-delivery-common';

/** The stage that a release opens on: what went wrong, else what runs, else the last one that ran. */
export function openingStage(release: Release): StageName {
  const { stages } = release;
  const wrong = stages.find(stage =>
    ['failed', 'blocked', 'errored'].includes(stage.status),
  );
  const running = stages.find(stage => stage.status === 'running');
  const ran = [...stages].reverse().find(stage => stage.status === 'done');
  return (wrong ?? running ?? ran)?.stage ?? 'fetch';
}
