/** Where requests of one instance go; counts those in flight. */
export interface Endpoint {
  readonly id: string;
  readonly port: number;
  /** Ready, and not about to be stopped. */
  serves(): boolean;
  began(): void;
  ended(): void;
}
