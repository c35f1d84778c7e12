/** Counts requests that have not ended, and tells when there are none. */
export class RequestsInFlight {
  private count = 0;
  private idle: (() => void) | undefined;

  began(): void {
    this.count += 1;
  }

  ended(): void {
    this.count -= 1;
    if (this.count === 0) {
      this.idle?.();
    }
  }

  drained(): Promise<true> {
    return new Promise(resolve => {
      if (this.count === 0) {
        resolve(true);
      } else {
        this.idle = () => resolve(true);
      }
    });
  }
}
