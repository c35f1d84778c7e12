// Real requests to a service, each counted: what was lost, and what answered.

/**
 * Asks `url` again and again until it is stopped, at a steady pace that a slow
 * answer does not slow down.
 */
export function countRequests(url, { everyMs = 25, read } = {}) {
  const samples = [];
  const open = new Set();
  async function ask() {
    const sample = { startedAtMs: Date.now() };
    samples.push(sample);
    try {
      const response = await fetch(url, {
        signal: AbortSignal.timeout(10_000),
      });
      const body = await response.text();
      sample.ok = response.ok;
      sample.status = response.status;
      sample.answer = read && response.ok ? read(JSON.parse(body)) : body;
    } catch (error) {
      sample.ok = false;
      sample.error = `${error.message} ${error.cause?.message ?? ''}`;
    }
    sample.endedAtMs = Date.now();
  }
  const timer = setInterval(() => {
    const asked = ask().finally(() => open.delete(asked));
    open.add(asked);
  }, everyMs);
  // A test that fails does not stop them, and must not be kept alive by them.
  timer.unref();
  return {
    /** In the order in which they were sent; those under way have no `ok` yet. */
    samples,
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      const lost = samples.filter(sample => !sample.ok);
      return { samples, lost, total: samples.length };
    },
  };
}

/**
 * Which answers came in which order: `[{ answer, from, until, count }]`. An
 * answer that is mixed with another one gives more than one entry.
 */
export function runsOf(samples) {
  const runs = [];
  for (const { answer, startedAtMs } of samples) {
    const last = runs.at(-1);
    if (last?.answer === answer) {
      last.count += 1;
      last.untilMs = startedAtMs;
    } else {
      runs.push({
        answer,
        count: 1,
        fromMs: startedAtMs,
        untilMs: startedAtMs,
      });
    }
  }
  return runs;
}
