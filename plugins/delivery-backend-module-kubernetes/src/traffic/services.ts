import { KubeObject } from '../client';

/** The selector of a Service; empty when it has none. */
export function selectorOf(service: KubeObject): Record<string, string> {
  const { selector } = (service.spec ?? {}) as {
    selector?: Record<string, string>;
  };
  return selector ?? {};
}
