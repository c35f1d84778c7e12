/*
 * What a log line says, without what differs each time. Two lines of the same
 * template are one kind of news. Every pattern is linear: no nested
 * repetition, and a line is cut before it is looked at.
 */

/** Longer lines are told apart by their beginning. */
const MAX_LENGTH = 1_000;

/** In this order: the longer forms before the numbers that they are made of. */
const VARYING: ReadonlyArray<[RegExp, string]> = [
  // 2026-11-24T10:00:00.000Z, 2026-11-24 10:00:00,123 +0100
  [
    /\b\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:[.,]\d{1,9})?(?: ?(?:Z|[+-]\d{2}:?\d{2}))?/g,
    '<time>',
  ],
  // Nov 24 10:00:00, 24/Nov/2026:10:00:00 +0000
  [
    /\b(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}\d{1,2}|\d{1,2}\/[A-Z][a-z]{2}\/\d{4})[ :]\d{2}:\d{2}:\d{2}(?: [+-]\d{4})?/g,
    '<time>',
  ],
  [/\b\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?\b/g, '<time>'],
  [
    /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi,
    '<id>',
  ],
  [/\b0x[0-9a-f]+\b/gi, '<hex>'],
  // Eight or more hex digits with at least one decimal digit: a hash, a span.
  [/\b(?=[a-f]*\d)[0-9a-f]{8,128}\b/gi, '<hex>'],
  [/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, '<address>'],
  // Long runs of letters and digits mixed: tokens, ULIDs, names of instances.
  [/\b(?=[A-Za-z_]*\d)\w{16,}\b/g, '<id>'],
  [/\d+/g, '<n>'],
];

/** The template of a line; equal for lines that say the same. */
export function templateOf(text: string): string {
  let template = text.slice(0, MAX_LENGTH);
  for (const [pattern, replacement] of VARYING) {
    template = template.replace(pattern, replacement);
  }
  return template.replace(/\s+/g, ' ').trim();
}
