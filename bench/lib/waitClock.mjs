/*
 * Tells how long a cluster owed somebody something: pods that were asked for
 * and not ready, Deployments that their controller had not seen, routes that
 * their gateway had not accepted. It watches as a third party, the same for
 * whoever deploys; what a deployment takes beyond these times is the
 * deployer's own.
 */
const KINDS = [
  { apiVersion: 'v1', kind: 'Pod' },
  { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  { apiVersion: 'apps/v1', kind: 'Deployment' },
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' },
];

export async function startWaitClock(world, signal) {
  const { client, namespace } = world;
  const objects = new Map(KINDS.map(({ kind }) => [kind, new Map()]));
  const spans = [];
  let open;

  function look() {
    const reason = owed(objects);
    if (reason === open?.reason) return;
    const nowMs = Date.now();
    if (open) spans.push({ ...open, toMs: nowMs });
    open = reason && { reason, fromMs: nowMs };
  }

  async function follow(kind) {
    const table = objects.get(kind.kind);
    const { items, resourceVersion } = await client.list(
      kind,
      { namespace },
      signal,
    );
    for (const item of items) table.set(item.metadata.name, item);
    let from = resourceVersion;
    const watching = async () => {
      while (!signal.aborted) {
        await client.watch(
          kind,
          { namespace, resourceVersion: from, timeoutSeconds: 600 },
          event => {
            from =
              event.resourceVersion ?? event.object.metadata.resourceVersion;
            if (event.type === 'BOOKMARK') return;
            const { name } = event.object.metadata;
            if (event.type === 'DELETED') table.delete(name);
            else table.set(name, event.object);
            look();
          },
          signal,
        );
      }
    };
    watching().catch(error => {
      if (!signal.aborted) console.error(`The wait clock is blind: ${error}`);
    });
  }
  await Promise.all(KINDS.map(follow));

  return {
    /** Milliseconds in which something was owed, by what, between two times. */
    between(fromMs, toMs) {
      const all = open ? [...spans, { ...open, toMs: Date.now() }] : spans;
      const sums = { readinessMs: 0, routeMs: 0 };
      for (const span of all) {
        const ms = Math.min(span.toMs, toMs) - Math.max(span.fromMs, fromMs);
        if (ms > 0) sums[span.reason] += ms;
      }
      return sums;
    },
  };
}

function owed(objects) {
  for (const { metadata, status } of objects.get('Deployment').values()) {
    if ((status?.observedGeneration ?? 0) < metadata.generation) {
      return 'readinessMs';
    }
  }
  const ready = new Map();
  for (const { metadata, status } of objects.get('Pod').values()) {
    const isReady = status?.conditions?.some(
      ({ type, status: is }) => type === 'Ready' && is === 'True',
    );
    const [owner] = metadata.ownerReferences ?? [];
    if (isReady && owner && !metadata.deletionTimestamp) {
      ready.set(owner.uid, (ready.get(owner.uid) ?? 0) + 1);
    }
  }
  for (const { metadata, spec } of objects.get('ReplicaSet').values()) {
    if (spec.replicas > (ready.get(metadata.uid) ?? 0)) return 'readinessMs';
  }
  for (const { metadata, status } of objects.get('HTTPRoute').values()) {
    const accepted = (status?.parents ?? []).some(({ conditions = [] }) =>
      conditions.some(
        ({ type, observedGeneration }) =>
          type === 'Accepted' && observedGeneration === metadata.generation,
      ),
    );
    if (!accepted) return 'routeMs';
  }
  return undefined;
}
