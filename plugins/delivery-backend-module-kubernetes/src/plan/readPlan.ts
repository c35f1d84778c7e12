import { InputError } from '@backstage/errors';
import {
  isMapping,
  parseObject,
  PlanObject,
} from '@slipway/backstage-plugin-delivery-node';
import { KubeObject } from '../client';
import { LABEL_PREFIX } from '../names';
import { splitTrafficObjects, TrafficObjects } from '../traffic';
import { configMapsUsed, hashedName, renameConfigMaps } from './configMaps';
import {
  DeploymentManifest,
  LabelSelector,
  readConfigMap,
  readDeployment,
  readService,
  selects,
} from './kinds';
import { mapping, podSpecsOf, textOf } from './podSpecs';
import { SecretReference, secretReferencesOf } from './secretReferences';
import { inOrder, isNeededByPods, RUN_ONCE } from './order';
import { Scaler, scalerOf } from './scaler';

/** An object as it was rendered, and where it came from. */
export interface PlanItem {
  object: KubeObject;
  /** File and line where the renderer tells them, else the object's id. */
  place: string;
}

/** A Plan as the rooms of this module see it. */
export interface KubePlan {
  /** The progressive Deployment, with the new names of its ConfigMaps. */
  workload: DeploymentManifest;
  /** How many instances it asks for. */
  replicas: number;
  /** Main Services, which select the workload's pods, and the routes to them. */
  traffic: TrafficObjects;
  /** Named by their content, never changed. */
  configMaps: KubeObject[];
  /** What each of them is called in the manifests. */
  configNames: Map<string, string>;
  scalers: Scaler[];
  /** What pods cannot start without: made early when it does not exist. */
  needed: KubeObject[];
  /** Everything else, in the order in which it is applied. */
  shared: KubeObject[];
  /** Run as hooks, each when its time has come; with the new names of ConfigMaps. */
  jobs: KubeObject[];
  secrets: SecretReference[];
  /** As rendered: for the policy. */
  items: PlanItem[];
  /** What is left out, for people. */
  ignored: string[];
}

const MAX_OBJECT_BYTES = 1_500_000;
const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * Reads the objects of a Plan. Pure: the same objects are the same Plan. `jobs`
 * names the Jobs among them that run as hooks.
 *
 * Errors: `InputError` naming file and line, or the object, for what no cluster
 * could run: no Deployment or several, a selector that misses its own pods,
 * names that collide, objects that are too big.
 */
export function readPlan({
  objects,
  jobs: hooks = [],
}: {
  objects: PlanObject[];
  jobs?: string[];
}): KubePlan {
  const items = objects.map(object => readItem(object, hooks));
  assertNoCollisions(items);
  const ignored: string[] = [];
  const workloadItem = theDeployment(items);
  const workload = readDeployment(workloadItem.object, workloadItem.place);
  assertWorkload(workload, workloadItem.place);
  const podLabels = workload.spec.template.metadata.labels;

  const used = new Set(
    items.flatMap(({ object }) =>
      podSpecsOf(object).flatMap(({ spec }) => configMapsUsed(spec)),
    ),
  );
  const names = new Map<string, string>();
  const configMaps: KubeObject[] = [];
  const scalers: Scaler[] = [];
  const jobs: KubeObject[] = [];
  const rest: KubeObject[] = [];
  for (const item of items) {
    const { object, place } = item;
    const scaler = scalerOf(object, workload.metadata.name);
    if (item === workloadItem) {
      continue;
    } else if (object.kind === 'Job') {
      jobs.push(object);
    } else if (scaler) {
      scalers.push(scaler);
    } else if (
      isKind(object, 'v1', 'ConfigMap') &&
      used.has(object.metadata.name)
    ) {
      const map = readConfigMap(object, place);
      names.set(map.metadata.name, hashedName(map));
      configMaps.push({
        ...map,
        immutable: true,
        metadata: { ...map.metadata, name: hashedName(map) },
      });
    } else {
      if (isKind(object, 'v1', 'Service')) {
        readService(object, place);
      }
      rest.push(object);
    }
  }
  assertOneScaler(scalers, items);
  const { traffic, others } = splitTrafficObjects(rest, podLabels);
  const needed = others.filter(isNeededByPods);
  const shared = others.filter(object => !isNeededByPods(object));
  for (const object of [workload, ...shared, ...jobs]) {
    podSpecsOf(object).forEach(({ spec }) => renameConfigMaps(spec, names));
  }
  const minimum = Math.max(
    0,
    ...scalers.map(({ scalesReplicas, min = 1 }) => (scalesReplicas ? min : 0)),
  );
  return {
    workload,
    replicas: Math.max(workload.spec.replicas ?? 1, minimum),
    traffic,
    configMaps,
    configNames: new Map([...names].map(([name, hashed]) => [hashed, name])),
    scalers,
    jobs,
    needed: inOrder(needed),
    shared: inOrder(shared),
    secrets: secretReferencesOf(items.map(({ object }) => object)),
    items,
    ignored,
  };
}

function readItem(object: PlanObject, hooks: string[]): PlanItem {
  const place = object.origin ?? object.id;
  if (object.bytes.length > MAX_OBJECT_BYTES) {
    throw new InputError(
      `${place}: ${object.id} has ${object.bytes.length} bytes; a cluster takes at most ${MAX_OBJECT_BYTES}`,
    );
  }
  const content = parseObject(object);
  const metadata = content?.metadata;
  const name = isMapping(metadata) ? textOf(metadata.name) : undefined;
  const apiVersion = textOf(content?.apiVersion);
  const kind = textOf(content?.kind);
  if (!content || !isMapping(metadata) || !name || !apiVersion || !kind) {
    throw new InputError(
      `${place}: expected a Kubernetes object with apiVersion, kind and metadata.name, found ${object.mediaType} ${object.id}`,
    );
  }
  const reserved = [
    ...Object.keys(mapping(metadata.labels)),
    ...Object.keys(mapping(metadata.annotations)),
  ].find(key => key.startsWith(`${LABEL_PREFIX}/`));
  if (reserved) {
    throw new InputError(
      `${place}: "${reserved}" is set by Slipway; remove it from the manifest`,
    );
  }
  const isHook = kind === 'Job' && hooks.includes(name);
  if (RUN_ONCE.has(kind) && !isHook) {
    throw new InputError(
      `${place}: a ${kind} runs once and is not taken among the manifests of a service; name it under hooks in the delivery definition, or make it a CronJob or an init container`,
    );
  }
  // The cluster writes it; applying it would be a conflict.
  const { status: _, ...rest } = content;
  return {
    place,
    object: { ...rest, apiVersion, kind, metadata: { ...metadata, name } },
  };
}

function isKind(object: KubeObject, apiVersion: string, kind: string): boolean {
  return object.apiVersion === apiVersion && object.kind === kind;
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
}

/** The same thing in two versions of its API is the same thing. */
function assertNoCollisions(items: PlanItem[]): void {
  const seen = new Map<string, string>();
  for (const { object, place } of items) {
    const { apiVersion, kind, metadata } = object;
    const key = [
      groupOf(apiVersion),
      kind,
      metadata.namespace ?? '',
      metadata.name,
    ].join('/');
    const before = seen.get(key);
    if (before) {
      throw new InputError(
        `${place}: ${kind} "${metadata.name}" is defined at ${before} already`,
      );
    }
    seen.set(key, place);
  }
}

function theDeployment(items: PlanItem[]): PlanItem {
  const found = items.filter(({ object }) => object.kind === 'Deployment');
  if (found.length === 1) {
    return found[0];
  }
  if (found.length === 0) {
    const kinds = [...new Set(items.map(({ object }) => object.kind))];
    throw new InputError(
      `The manifests have no Deployment; expected exactly one, found ${
        kinds.length > 0 ? kinds.join(', ') : 'nothing'
      }`,
    );
  }
  throw new InputError(
    `The manifests have ${
      found.length
    } Deployments; expected exactly one, found ${found
      .map(({ object, place }) => `"${object.metadata.name}" (${place})`)
      .join(', ')}. Give each a Component of its own`,
  );
}

function isEmpty(selector: LabelSelector): boolean {
  return (
    Object.keys(selector.matchLabels).length === 0 &&
    (selector.matchExpressions ?? []).length === 0
  );
}

function assertWorkload(workload: DeploymentManifest, place: string): void {
  const { metadata, spec } = workload;
  if (!DNS_LABEL.test(metadata.name)) {
    throw new InputError(
      `${place}: the Deployment's name "${metadata.name}" is not a DNS label (lower case letters, digits and "-", at most 63)`,
    );
  }
  if (spec.paused) {
    throw new InputError(
      `${place}: spec.paused keeps the Deployment from ever running; remove it, and pause deployments here`,
    );
  }
  const podLabels = spec.template.metadata.labels;
  if (isEmpty(spec.selector) || !selects(spec.selector, podLabels)) {
    throw new InputError(
      `${place}: spec.selector ${JSON.stringify(
        spec.selector.matchLabels,
      )} does not select the labels of spec.template ${JSON.stringify(
        podLabels,
      )}`,
    );
  }
}

function assertOneScaler(scalers: Scaler[], items: PlanItem[]): void {
  const scaling = scalers.filter(({ scalesReplicas }) => scalesReplicas);
  if (scaling.length > 1) {
    const places = scaling.map(
      ({ object }) =>
        items.find(item => item.object === object)?.place ??
        object.metadata.name,
    );
    throw new InputError(
      `${places[1]}: the workload is scaled by ${places[0]} already; two would work against each other`,
    );
  }
}
