/** How long a story may take on a loaded machine. */
export const STORY = { timeout: 300_000 };
