import { KubeObject } from '../client';
import {
  containersOf,
  mapping,
  mappings,
  podSpecsOf,
  textOf,
} from './podSpecs';

/** A secret that the pods of a Plan use; only ever its name. */
export interface SecretReference {
  kind: 'Secret' | 'SecretProviderClass' | 'ExternalSecret';
  name: string;
  /** All uses can do without it. */
  optional: boolean;
  /** The name itself says which version is meant, so another version is another name. */
  versioned: boolean;
}

/**
 * `checkout-v3`, `checkout-2026-11-24`, `checkout-5f1c0a9be2`: names that are
 * made for one content.
 */
export function isVersionedName(name: string): boolean {
  return (
    /(?:^|[-.])v\d+(?:[-.]\d+)*$/.test(name) ||
    /[-.]\d{4}-?\d{2}-?\d{2}(?:[-t]?\d+)?$/.test(name) ||
    /-(?=[a-f0-9]*\d)[a-f0-9]{8,}$/.test(name) ||
    // kustomize's secretGenerator
    /-(?=[bcdfghkmt2-9]*\d)[bcdfghkmt2-9]{10}$/.test(name)
  );
}

function secretsOf(
  spec: Record<string, unknown>,
): Array<Omit<SecretReference, 'versioned'>> {
  const found: Array<Omit<SecretReference, 'versioned'>> = [];
  const add = (
    kind: SecretReference['kind'],
    name: unknown,
    optional: unknown,
  ) => {
    const text = textOf(name);
    if (text) {
      found.push({ kind, name: text, optional: optional === true });
    }
  };
  for (const { container } of containersOf(spec)) {
    for (const { valueFrom } of mappings(container.env)) {
      const reference = mapping(mapping(valueFrom).secretKeyRef);
      add('Secret', reference.name, reference.optional);
    }
    for (const { secretRef } of mappings(container.envFrom)) {
      const reference = mapping(secretRef);
      add('Secret', reference.name, reference.optional);
    }
  }
  for (const volume of mappings(spec.volumes)) {
    const secret = mapping(volume.secret);
    add('Secret', secret.secretName, secret.optional);
    for (const source of mappings(mapping(volume.projected).sources)) {
      const projected = mapping(source.secret);
      add('Secret', projected.name, projected.optional);
    }
    const csi = mapping(volume.csi);
    add(
      'SecretProviderClass',
      mapping(csi.volumeAttributes).secretProviderClass,
      false,
    );
    add('Secret', mapping(csi.nodePublishSecretRef).name, false);
  }
  for (const { name } of mappings(spec.imagePullSecrets)) {
    add('Secret', name, false);
  }
  return found;
}

/** Every secret that an object's pods use, or that it brings in, once. */
export function secretReferencesOf(objects: KubeObject[]): SecretReference[] {
  const found = new Map<string, SecretReference>();
  const add = (
    reference: Omit<SecretReference, 'versioned'>,
    pinned = false,
  ) => {
    const key = `${reference.kind}/${reference.name}`;
    const before = found.get(key);
    found.set(key, {
      ...reference,
      optional: reference.optional && (before?.optional ?? true),
      versioned: pinned || isVersionedName(reference.name),
    });
  };
  for (const object of objects) {
    for (const { spec } of podSpecsOf(object)) {
      secretsOf(spec).forEach(reference => add(reference));
    }
    if (
      object.kind === 'ExternalSecret' &&
      object.apiVersion.startsWith('external-secrets.io/')
    ) {
      const entries = mappings(mapping(object.spec).data);
      const pinned =
        entries.length > 0 &&
        entries.every(({ remoteRef }) =>
          Boolean(textOf(mapping(remoteRef).version)),
        ) &&
        mappings(mapping(object.spec).dataFrom).length === 0;
      add(
        { kind: 'ExternalSecret', name: object.metadata.name, optional: false },
        pinned,
      );
    }
  }
  return [...found.values()].sort((a, b) =>
    `${a.kind}/${a.name}` < `${b.kind}/${b.name}` ? -1 : 1,
  );
}
