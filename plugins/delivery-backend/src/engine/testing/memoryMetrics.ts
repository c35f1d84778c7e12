import {
  MetricsService,
  MetricsServiceObservable,
} from '@backstage/backend-plugin-api/alpha';

type Attributes = Record<string, unknown>;

/** Keeps in memory what is counted, as a collector would. */
export class MemoryMetrics implements MetricsService {
  readonly #points = new Map<
    string,
    Array<{ value: number; attributes: Attributes }>
  >();
  readonly #observed = new Map<
    string,
    Set<Parameters<MetricsServiceObservable['addCallback']>[0]>
  >();

  createCounter(name: string) {
    return { add: this.#noting(name) };
  }

  createUpDownCounter(name: string) {
    return { add: this.#noting(name) };
  }

  createHistogram(name: string) {
    return { record: this.#noting(name) };
  }

  createGauge(name: string) {
    return { record: this.#noting(name) };
  }

  createObservableCounter(name: string) {
    return this.#observable(name);
  }

  createObservableUpDownCounter(name: string) {
    return this.#observable(name);
  }

  createObservableGauge(name: string) {
    return this.#observable(name);
  }

  /** The values of an instrument with these attributes. */
  values(name: string, attributes: Attributes = {}): number[] {
    return (this.#points.get(name) ?? [])
      .filter(point =>
        Object.entries(attributes).every(
          ([key, value]) => point.attributes[key] === value,
        ),
      )
      .map(({ value }) => value);
  }

  /** What the gauges say now. */
  async collect(): Promise<Record<string, number>> {
    const collected: Record<string, number> = {};
    for (const [name, callbacks] of this.#observed) {
      for (const callback of callbacks) {
        await callback({
          observe: value => {
            collected[name] = value;
          },
        });
      }
    }
    return collected;
  }

  #noting(name: string) {
    return (value: number, attributes: Attributes = {}) => {
      const points = this.#points.get(name) ?? [];
      points.push({ value, attributes });
      this.#points.set(name, points);
    };
  }

  #observable(name: string): MetricsServiceObservable {
    const callbacks = this.#observed.get(name) ?? new Set();
    this.#observed.set(name, callbacks);
    return {
      addCallback: callback => void callbacks.add(callback),
      removeCallback: callback => void callbacks.delete(callback),
    };
  }
}
