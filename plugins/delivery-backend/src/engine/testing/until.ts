/** Waits for what an engine does in real time. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
) {
  const end = Date.now() + 90_000;
  while (!(await isSo())) {
    if (Date.now() > end) {
      throw new Error(`Not so after 90 s: ${what}`);
    }
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}
