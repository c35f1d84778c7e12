/** A min-heap of times: when to ask for due work next. */
export class WakeTimes {
  readonly #heap: number[] = [];

  add(atMs: number): void {
    const heap = this.#heap;
    heap.push(atMs);
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (heap[parent] <= heap[child]) {
        break;
      }
      [heap[parent], heap[child]] = [heap[child], heap[parent]];
      child = parent;
    }
  }

  earliest(): number | undefined {
    return this.#heap[0];
  }

  /** Forgets what is not in the future. */
  dropUntil(nowMs: number): void {
    while (this.#heap.length > 0 && this.#heap[0] <= nowMs) {
      this.#pop();
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) {
      return;
    }
    heap[0] = last;
    let parent = 0;
    for (;;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      let least = parent;
      if (left < heap.length && heap[left] < heap[least]) {
        least = left;
      }
      if (right < heap.length && heap[right] < heap[least]) {
        least = right;
      }
      if (least === parent) {
        return;
      }
      [heap[parent], heap[least]] = [heap[least], heap[parent]];
      parent = least;
    }
  }
}
