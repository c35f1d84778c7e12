/** One field of an object, and how it would change. @public */
export interface FieldChange {
  /** `spec.template.spec.containers[app].image` */
  path: string;
  /** Shortened; absent: it was not there, or it is a secret's. */
  before?: string;
  after?: string;
}

/** @public */
export interface ObjectChange {
  /** Kind and name as the Plan has them: `Deployment/checkout`. */
  id: string;
  change: 'added' | 'changed' | 'removed';
  fields: FieldChange[];
  /** Fields that are left out of `fields`. */
  more: number;
  /** What is in its way, for people: fields of others, or a refusal. */
  problem?: string;
}

/** What bringing a Plan would change, beside what runs now. @public */
export interface PlanDiff {
  changes: ObjectChange[];
  /** Objects that stay as they are. */
  unchanged: number;
}
