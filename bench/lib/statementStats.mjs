/*
 * Counts the statements of a connection to SQLite and the time in them, so that
 * a profile says which ones are worth a thought.
 */

/** Call before the store is opened: it keeps what `prepare` gives it. */
export async function countStatements(knex) {
  const stats = new Map();
  const connection = await knex.client.acquireConnection();
  const prepare = connection.prepare.bind(connection);
  connection.prepare = sql => {
    const statement = prepare(sql);
    const name = sql.replaceAll(/\s+/g, ' ').slice(0, 120);
    for (const verb of ['all', 'run', 'get']) {
      const run = statement[verb].bind(statement);
      statement[verb] = (...args) => {
        const before = performance.now();
        try {
          return run(...args);
        } finally {
          const entry = stats.get(name) ?? { count: 0, ms: 0 };
          entry.count += 1;
          entry.ms += performance.now() - before;
          stats.set(name, entry);
        }
      };
    }
    return statement;
  };
  await knex.client.releaseConnection(connection);
  return {
    /** What there was since the last call, the most time first. */
    take() {
      const taken = [...stats]
        .map(([sql, { count, ms }]) => ({ sql, count, ms: Math.round(ms) }))
        .sort((a, b) => b.ms - a.ms);
      stats.clear();
      return taken;
    },
  };
}
