const MASK = '***';

/*
 * What looks like a secret whatever printed it. Each pattern keeps what tells a
 * reader what was there. Linear by construction: no nested repetition.
 */
const PATTERNS: ReadonlyArray<[RegExp, string]> = [
  // user:password@ in addresses
  [
    /([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@:]{0,200}:[^\s/@]{1,500}@/gi,
    `$1${MASK}@`,
  ],
  [
    /\b(authorization\s*[:=]\s*(?:basic|bearer|token)?\s*)[^\s"',;]{4,}/gi,
    `$1${MASK}`,
  ],
  [/\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}/gi, `$1${MASK}`],
  [
    /\b([\w.-]{0,40}(?:password|passwd|secret|api[_-]?key|access[_-]?key|auth[_-]?token|_auth)["']?\s*[:=]\s*["']?)[^\s"',;]{3,}/gi,
    `$1${MASK}`,
  ],
  // Tokens that name themselves: git hosts, npm, cloud keys, chat, JWT
  [
    /\b(?:gh[pousr]_|github_pat_|glpat-|npm_|xox[abprs]-|sk-)[A-Za-z0-9_-]{10,}/g,
    MASK,
  ],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, MASK],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}/g, MASK],
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----/g, MASK],
];

// Colours and cursor movement of terminals, and other control characters.
const ESCAPE = String.fromCharCode(27);
const BELL = String.fromCharCode(7);
const TERMINAL = new RegExp(
  `${ESCAPE}(?:\\[[0-9;?]*[ -/]*[@-~]|\\][^${BELL}${ESCAPE}]*(?:${BELL}|${ESCAPE}\\\\)?|[@-Z\\\\-_])`,
  'g',
);
const CONTROL = /(?![\t\n])\p{Cc}/gu;

/**
 * Makes texts safe to store and show: masks what looks like a secret and every
 * one of `secrets`, and takes out control characters.
 */
export function createRedactor(
  secrets: readonly string[] = [],
): (text: string) => string {
  // Longest first, so that a part of another one does not leave a rest.
  const literal = [...new Set(secrets)]
    .filter(secret => secret.length >= 4)
    .sort((a, b) => b.length - a.length);
  return text => {
    let safe = text.replace(TERMINAL, '').replace(CONTROL, '');
    for (const secret of literal) {
      safe = safe.replaceAll(secret, MASK);
    }
    for (const [pattern, replacement] of PATTERNS) {
      safe = safe.replace(pattern, replacement);
    }
    return safe;
  };
}
