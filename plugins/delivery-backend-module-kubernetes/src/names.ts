import { createHash } from 'node:crypto';
import {
  stringifyTarget,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';

/*
 * What our objects are called and how they are marked. Labels can be selected
 * by; annotations carry what no selector asks for.
 */

const PREFIX = 'slipway.dev';
/** Of all our labels and annotations. */
export const LABEL_PREFIX = PREFIX;

/** Owner of the fields that a Plan names. */
export const FIELD_MANAGER = 'slipway';
/** Owner of what moves traffic: Service selectors, routes' backends. */
export const TRAFFIC_FIELD_MANAGER = 'slipway-traffic';

/** On every object of a target, and on its pods: see {@link targetLabel}. */
export const TARGET_LABEL = `${PREFIX}/target`;
/** On what belongs to one generation, and on its pods. */
export const GENERATION_LABEL = `${PREFIX}/generation`;
/**
 * What an object is to us: `workload`, `generation-service`, `main-service` and
 * `route` (both are traffic's to finish), `shared`, `config`.
 */
export const ROLE_LABEL = `${PREFIX}/role`;

/** The track of a generation's workload; never on pods, as it changes. */
export const TRACK_ANNOTATION = `${PREFIX}/track`;
/** The whole target ref, which is no label value. */
export const TARGET_ANNOTATION = `${PREFIX}/target-ref`;
export const PLAN_ANNOTATION = `${PREFIX}/plan`;
export const RELEASE_ANNOTATION = `${PREFIX}/release`;
/** The epoch of the last writer; a newer one than ours forbids to write. */
export const EPOCH_ANNOTATION = `${PREFIX}/epoch`;
/** The revision of the desired state that the last write belonged to. */
export const REVISION_ANNOTATION = `${PREFIX}/revision`;
/** Like the two above, of the last write of traffic's own fields. */
export const TRAFFIC_EPOCH_ANNOTATION = `${PREFIX}/traffic-epoch`;
export const TRAFFIC_REVISION_ANNOTATION = `${PREFIX}/traffic-revision`;
/** On a main Service: JSON of its selector as the Plan has it. */
export const SELECTOR_ANNOTATION = `${PREFIX}/selector`;
/** On a main Service: JSON of the routes that send to it, `HTTPRoute/checkout`. */
export const ROUTES_ANNOTATION = `${PREFIX}/routes`;
/** On a Service of a generation: the main Service that it is a copy of. */
export const SERVICE_ANNOTATION = `${PREFIX}/service`;
/** On main Services and routes: JSON of the shares that were last written. */
export const SHARES_ANNOTATION = `${PREFIX}/shares`;
/** The same of what was written beside the shares; absent: nothing. */
export const TRAFFIC_ROUTES_ANNOTATION = `${PREFIX}/traffic-routes`;
/** On a route of the Gateway API: how many of its first rules are ours. */
export const ADDED_RULES_ANNOTATION = `${PREFIX}/added-rules`;

/** On a generation's Deployment: how many instances were asked for, and how many given: `2/5`. */
export const REPLICAS_ANNOTATION = `${PREFIX}/replicas`;
/** On a generation's Deployment: that a scaler of the Plan has its `spec.replicas`. */
export const SCALED_ANNOTATION = `${PREFIX}/scaled-by`;
/** On pods: JSON of container name to `[image name, reference]`. */
export const IMAGES_ANNOTATION = `${PREFIX}/images`;
/** On what was there before us: it is given back, not deleted. */
export const ADOPTED_ANNOTATION = `${PREFIX}/adopted`;
/**
 * On what was there before us: `<pod-template-hash>/<revision>` of its pods,
 * which carry no label of ours, when they were all of one template.
 */
export const ADOPTED_PODS_ANNOTATION = `${PREFIX}/adopted-pods`;
/** On the Deployment in place: the key of the rollout that was asked for last. */
export const RUN_ANNOTATION = `${PREFIX}/run`;
/** Of the ConfigMap of a target that holds what its objects cannot tell. */
export const RECORD_CONFIG_MAP_PREFIX = 'slipway-';
/** On a ConfigMap that is named by its content: its name in the Plan. */
export const CONFIG_ANNOTATION = `${PREFIX}/config-name`;

const MAX_NAME = 63;

function shortHash(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}

/** A valid label value that is one target's only: `checkout-production-1f0c9a2b`. */
export function targetLabel(target: TargetRef): string {
  const id = stringifyTarget(target);
  const readable = `${target.service.split('/').pop()}-${target.environment}`
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .slice(0, 50)
    .replace(/^-+|-+$/g, '');
  return `${readable}-${shortHash(id, 8)}`;
}

/**
 * The name of a generation's copy of an object: `checkout` of generation
 * `g-3fa8` is `checkout-g-3fa8`, shortened with a hash where that is too long
 * for a DNS label.
 */
export function generationName(base: string, generation: string): string {
  const full = `${base}-${generation}`;
  if (full.length <= MAX_NAME) {
    return full;
  }
  const hash = shortHash(full, 8);
  return `${full
    .slice(0, MAX_NAME - hash.length - 1)
    .replace(/-+$/, '')}-${hash}`;
}
