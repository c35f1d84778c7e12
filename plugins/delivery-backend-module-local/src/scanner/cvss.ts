import { Severity } from '@slipway/backstage-plugin-delivery-common';

/** Weights of CVSS 3.0 and 3.1 base metrics; specification section 7.4. */
const WEIGHTS: Record<string, Record<string, number>> = {
  AV: { N: 0.85, A: 0.62, L: 0.55, P: 0.2 },
  AC: { L: 0.77, H: 0.44 },
  UI: { N: 0.85, R: 0.62 },
  C: { H: 0.56, L: 0.22, N: 0 },
  I: { H: 0.56, L: 0.22, N: 0 },
  A: { H: 0.56, L: 0.22, N: 0 },
};
const PRIVILEGES: Record<string, Record<string, number>> = {
  U: { N: 0.85, L: 0.62, H: 0.27 },
  C: { N: 0.85, L: 0.68, H: 0.5 },
};

/** Rounds up to one decimal without the noise of binary fractions. */
function roundUp(value: number): number {
  const scaled = Math.round(value * 100_000);
  return scaled % 10_000 === 0
    ? scaled / 100_000
    : (Math.floor(scaled / 10_000) + 1) / 10;
}

/**
 * The base score of a CVSS 3.x vector, 0 to 10; `undefined` for anything else.
 *
 * Source: CVSS v3.1 specification, section 7.1.
 */
export function cvss3BaseScore(vector: string): number | undefined {
  if (!/^CVSS:3\.[01]\//.test(vector)) {
    return undefined;
  }
  const metrics = new Map(
    vector
      .split('/')
      .slice(1)
      .map(part => {
        const [name, value = ''] = part.split(':');
        return [name, value];
      }),
  );
  const scope = metrics.get('S') ?? '';
  const weight = (name: string) => WEIGHTS[name][metrics.get(name) ?? ''];
  const privileges = PRIVILEGES[scope]?.[metrics.get('PR') ?? ''];
  const values = ['AV', 'AC', 'UI', 'C', 'I', 'A'].map(weight);
  if (privileges === undefined || values.includes(undefined as never)) {
    return undefined;
  }
  const [av, ac, ui, c, i, a] = values;
  const isChanged = scope === 'C';
  const base = 1 - (1 - c) * (1 - i) * (1 - a);
  const impact = isChanged
    ? 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15
    : 6.42 * base;
  if (impact <= 0) {
    return 0;
  }
  const exploitability = 8.22 * av * ac * privileges * ui;
  const total = impact + exploitability;
  return roundUp(Math.min(isChanged ? 1.08 * total : total, 10));
}

/** The names that CVSS gives to scores. */
export function severityOfScore(score: number): Severity {
  if (score >= 9) {
    return 'critical';
  }
  if (score >= 7) {
    return 'high';
  }
  if (score >= 4) {
    return 'medium';
  }
  return score > 0 ? 'low' : 'unknown';
}
