/**
 * Whether the first resourceVersion is older than the second one. They are
 * decimal numbers that grow (KEP-5504); what is none cannot be compared, and is
 * not older than anything.
 */
export function isOlder(version: string, than: string): boolean {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(than)) {
    return false;
  }
  return version.length === than.length
    ? version < than
    : BigInt(version) < BigInt(than);
}
