/** `sha256:` followed by 64 lowercase hex digits. @public */
export type Digest = string;

/** A catalog entity reference such as `component:default/checkout`. @public */
export type ServiceRef = string;

/** Service × Environment: the unit of lock, hold, queue and epoch. @public */
export interface TargetRef {
  service: ServiceRef;
  environment: string;
}

/** The stable text form of a {@link TargetRef}, used as a key. @public */
export function stringifyTarget(target: TargetRef): string {
  return `${target.service}@${target.environment}`;
}

/** The inverse of {@link stringifyTarget}. @public */
export function parseTarget(id: string): TargetRef {
  const at = id.lastIndexOf('@');
  if (at <= 0 || at === id.length - 1) {
    throw new TypeError(
      `Invalid target "${id}": expected "kind:namespace/name@environment"`,
    );
  }
  return { service: id.slice(0, at), environment: id.slice(at + 1) };
}

/** Who did something: a user entity ref, a machine subject, or the plugin. @public */
export interface Actor {
  type: 'user' | 'machine' | 'plugin';
  ref: string;
}
