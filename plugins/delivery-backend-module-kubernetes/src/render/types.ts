/** What one call of a renderer may use. */
export interface RenderLimits {
  timeoutMs: number;
  /** Of the rendered text. */
  maxBytes: number;
  /** Resident memory of the process, where the system tells it (Linux). */
  maxMemoryBytes: number;
}

/** Programs to run instead of those on PATH. */
export interface RenderPrograms {
  kustomize?: string;
  helm?: string;
}

export const DEFAULT_RENDER_LIMITS: RenderLimits = {
  timeoutMs: 30_000,
  maxBytes: 10 * 1024 * 1024,
  maxMemoryBytes: 512 * 1024 * 1024,
};
