/** What a container should run, from an annotation that we wrote. */
export interface WantedImage {
  /** The image's name in the definition. */
  image: string;
  /** `repository:tag@sha256:...` */
  reference: string;
}

/** By container; empty where somebody has edited the annotation beyond reading. */
export function readImages(text: string | undefined): Map<string, WantedImage> {
  const found = new Map<string, WantedImage>();
  if (!text) {
    return found;
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) {
      return found;
    }
    throw error;
  }
  for (const [container, entry] of Object.entries(
    typeof content === 'object' && content !== null ? content : {},
  )) {
    const [image, reference]: unknown[] = Array.isArray(entry) ? entry : [];
    if (typeof image === 'string' && typeof reference === 'string') {
      found.set(container, { image, reference });
    }
  }
  return found;
}
