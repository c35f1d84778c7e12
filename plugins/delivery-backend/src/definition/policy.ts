import {
  DefinitionModel,
  PolicyRule,
} from '@slipway/backstage-plugin-delivery-common';
import { EnvironmentConfig } from './environments';

/** A rule, and everybody who asks for it. */
export interface EffectiveRule extends PolicyRule {
  /** `platform: production` or `delivery.yaml`. */
  sources: string[];
}

/**
 * What the gate applies to a release, and why. `platform` and `repository` are
 * what the decision on findings takes.
 */
export interface EffectivePolicy {
  platform: PolicyRule[];
  repository: PolicyRule[];
  rules: EffectiveRule[];
  /** One sentence for each rule, for people. */
  explanation: string[];
}

const keyOf = (rule: PolicyRule) => `${rule.severity}/${rule.fixable ?? 'any'}`;

/**
 * The platform's rules of every environment that the definition names,
 * together with the rules that the definition adds. Rules only ever add up: a
 * release is made once and may go to the strictest of its environments, and a
 * repository has no way to take a rule away.
 */
export function effectivePolicy(
  environments: EnvironmentConfig[],
  model: Pick<DefinitionModel, 'policy' | 'environments'>,
): EffectivePolicy {
  const targeted = environments.filter(({ name }) =>
    model.environments.some(({ ref }) => ref === name),
  );
  const rules = new Map<string, EffectiveRule>();
  const add = (rule: PolicyRule, source: string) => {
    const known = rules.get(keyOf(rule));
    if (!known) {
      rules.set(keyOf(rule), { ...rule, sources: [source] });
    } else if (!known.sources.includes(source)) {
      known.sources.push(source);
    }
  };
  const platform = new Map<string, PolicyRule>();
  for (const { name, policy } of targeted) {
    for (const rule of policy.block) {
      platform.set(keyOf(rule), rule);
      add(rule, `platform: ${name}`);
    }
  }
  for (const rule of model.policy.block) {
    add(rule, 'delivery.yaml');
  }
  return {
    platform: [...platform.values()],
    repository: model.policy.block,
    rules: [...rules.values()],
    explanation: [...rules.values()].map(explain),
  };
}

function explain({ severity, fixable, sources }: EffectiveRule): string {
  const worse = ['critical', 'unknown'].includes(severity) ? '' : ' or worse';
  const when =
    fixable === undefined ? '' : `, when ${fixable ? 'a' : 'no'} fix exists,`;
  return `A finding of ${severity} severity${worse}${when} blocks (${sources.join(
    '; ',
  )})`;
}
