// @ts-check

/*
 * The first tables. Times are epoch milliseconds. Ids are text that the plugin
 * makes. Documents that are only ever read whole are JSON in text columns;
 * what is asked for, ordered by or filtered on has a column.
 */

/**
 * Owner and system of the service, kept in step with the catalog, so that
 * lists are filtered by permission in SQL.
 *
 * @param {import('knex').Knex.CreateTableBuilder} table
 */
function ownership(table) {
  table.text('service_ref').notNullable().comment('Catalog entity reference');
  table.text('owner').comment('Owner of the service, an entity reference');
  table.text('system').comment('System of the service, an entity reference');
}

/** @param {import('knex').Knex} knex */
async function createEstate(knex) {
  await knex.schema.createTable('services', table => {
    table.comment('Catalog components that have a delivery definition');
    ownership(table);
    table.primary(['service_ref']);
    table.text('title').notNullable();
    table.text('name').notNullable().comment('Name in the definition file');
    table.text('repository').notNullable().comment('Where the source lies');
    table.text('definition_path').notNullable();
    table.text('default_branch');
    table
      .text('definition_error')
      .comment('JSON: what is wrong with the default branch’s definition');
    table.bigInteger('row_version').notNullable();
    table
      .bigInteger('removed_at_ms')
      .comment('Set when the catalog no longer has it; history stays');
    table.index(['owner', 'service_ref'], 'services_owner_idx');
    table.index(['system', 'service_ref'], 'services_system_idx');
  });

  await knex.schema.createTable('targets', table => {
    table.comment('Service × environment, with what the engine knows of it');
    ownership(table);
    table.text('target_id').primary().comment('service@environment');
    table.text('environment').notNullable();
    table.text('tier').notNullable();
    table.text('record', 'longtext').notNullable().comment('JSON TargetRecord');
    table.text('hold').comment('JSON Hold; stops automation');
    table
      .bigInteger('foreign_epoch')
      .comment('A newer epoch that the world has seen');
    table.bigInteger('row_version').notNullable();
    table.bigInteger('removed_at_ms');
    table.index(['service_ref', 'environment'], 'targets_service_idx');
    table.index(['environment', 'service_ref'], 'targets_environment_idx');
    table.index(['owner', 'service_ref', 'environment'], 'targets_owner_idx');
    table.index(['system', 'service_ref', 'environment'], 'targets_system_idx');
  });
}

/** @param {import('knex').Knex} knex */
async function createReleases(knex) {
  await knex.schema.createTable('releases', table => {
    table.comment('Made once from a commit, never changed when ready');
    ownership(table);
    table.text('id').primary();
    table.text('commit_sha').notNullable();
    table.text('status').notNullable();
    table.bigInteger('created_at_ms').notNullable();
    table.bigInteger('finished_at_ms');
    table.text('idempotency_key').comment('Of the request that made it');
    table.text('data', 'longtext').notNullable().comment('JSON, public part');
    table
      .text('internals', 'longtext')
      .notNullable()
      .comment('JSON: checkpoint, definition and blob digests');
    table.bigInteger('row_version').notNullable();
    table.unique(['service_ref', 'idempotency_key'], {
      indexName: 'releases_idempotency_uniq',
    });
    table.index(['service_ref', 'created_at_ms', 'id'], 'releases_service_idx');
    table.index(
      ['service_ref', 'commit_sha', 'created_at_ms'],
      'releases_commit_idx',
    );
    table.index(['created_at_ms', 'id'], 'releases_newest_idx');
    table.index(['owner', 'created_at_ms', 'id'], 'releases_owner_idx');
    table.index(['system', 'created_at_ms', 'id'], 'releases_system_idx');
  });

  await knex.schema.createTable('release_logs', table => {
    table.comment('Log lines of the stages of a release');
    table.bigIncrements('seq');
    table.text('release_id').notNullable();
    table.text('stage').notNullable();
    table.bigInteger('at_ms').notNullable();
    table.text('text').notNullable();
    table.index(['release_id', 'stage', 'seq'], 'release_logs_stage_idx');
  });

  await knex.schema.createTable('builds', table => {
    table.comment('Images found again by what went into them');
    table.text('inputs_hash').primary();
    table.text('images').notNullable().comment('JSON BuiltImage[]');
    table.bigInteger('used_at_ms').notNullable();
    table.index(['used_at_ms'], 'builds_used_idx');
  });

  await knex.schema.createTable('plans', table => {
    table.comment('Releases rendered for one target; immutable');
    table.text('id').primary().comment('sha256 of the content');
    table.text('target_id').notNullable();
    table.text('service_ref').notNullable();
    table.text('environment').notNullable();
    table.text('release_id').notNullable();
    table
      .text('data', 'longtext')
      .notNullable()
      .comment('JSON: images, replicas, objects by blob digest');
    table.bigInteger('created_at_ms').notNullable();
    table.index(['service_ref', 'created_at_ms'], 'plans_service_idx');
  });

  await knex.schema.createTable('blobs', table => {
    table.comment('Big immutable things by digest');
    table.text('digest').primary().comment('sha256:<hex>');
    table.binary('bytes').notNullable();
    table.bigInteger('size_bytes').notNullable();
    table.bigInteger('used_at_ms').notNullable().comment('Last put');
    table.index(['used_at_ms'], 'blobs_used_idx');
  });

  await knex.schema.createTable('blob_uses', table => {
    table.comment('Which release or plan keeps a blob');
    table.text('digest').notNullable();
    table.text('holder_kind').notNullable().comment('release | plan');
    table.text('holder_id').notNullable();
    table.primary(['digest', 'holder_kind', 'holder_id']);
    table.index(['holder_kind', 'holder_id'], 'blob_uses_holder_idx');
  });
}

/** @param {import('knex').Knex} knex */
async function createDeployments(knex) {
  await knex.schema.createTable('deployments', table => {
    table.comment('Bringing one plan to one target');
    ownership(table);
    table.text('id').primary();
    table.text('target_id').notNullable();
    table.text('environment').notNullable();
    table.text('tier').notNullable();
    table.text('release_id').notNullable();
    table.text('plan_id');
    table.text('status').notNullable();
    table.integer('terminal').notNullable().comment('1 when it is over');
    table.bigInteger('created_at_ms').notNullable();
    table.bigInteger('finished_at_ms');
    table.text('idempotency_key').comment('Of the request that made it');
    table.text('data', 'longtext').notNullable().comment('JSON Deployment');
    table.text('rollout', 'longtext').comment('JSON RolloutState');
    table.bigInteger('row_version').notNullable();
    table.unique(['target_id', 'idempotency_key'], {
      indexName: 'deployments_idempotency_uniq',
    });
    table.index(['target_id', 'created_at_ms', 'id'], 'deployments_target_idx');
    table.index(
      ['target_id', 'terminal', 'created_at_ms', 'id'],
      'deployments_open_idx',
    );
    table.index(
      ['service_ref', 'created_at_ms', 'id'],
      'deployments_service_idx',
    );
    table.index(
      ['environment', 'created_at_ms', 'id'],
      'deployments_environment_idx',
    );
    table.index(
      ['release_id', 'created_at_ms', 'id'],
      'deployments_release_idx',
    );
    table.index(['plan_id'], 'deployments_plan_idx');
    table.index(['created_at_ms', 'id'], 'deployments_newest_idx');
    table.index(['owner', 'created_at_ms', 'id'], 'deployments_owner_idx');
    table.index(['system', 'created_at_ms', 'id'], 'deployments_system_idx');
  });

  await knex.schema.createTable('measurements', table => {
    table.comment('What analyses saw; added, never changed');
    table.bigIncrements('seq');
    table.text('deployment_id').notNullable();
    table.text('analysis_id').notNullable();
    table.text('metric').notNullable();
    table.bigInteger('at_ms').notNullable();
    table.text('data').notNullable().comment('JSON Measurement');
    table.unique(['deployment_id', 'analysis_id', 'metric', 'at_ms'], {
      indexName: 'measurements_once_uniq',
    });
    table.index(['deployment_id', 'at_ms', 'seq'], 'measurements_time_idx');
  });

  await knex.schema.createTable('events', table => {
    table.comment('What happened, for the timelines');
    table.bigIncrements('seq');
    table.text('id').notNullable();
    table.bigInteger('at_ms').notNullable();
    table.text('type').notNullable();
    table.text('message').notNullable();
    table.text('level').notNullable().comment('info | warning | error');
    table.text('service_ref').notNullable();
    table.text('environment');
    table.text('target_id');
    table.text('release_id');
    table.text('deployment_id');
    table.text('actor').comment('JSON Actor');
    table.text('reason').comment('JSON Reason');
    table.unique(['id'], { indexName: 'events_id_uniq' });
    table.index(['deployment_id', 'at_ms', 'seq'], 'events_deployment_idx');
    table.index(['release_id', 'at_ms', 'seq'], 'events_release_idx');
    table.index(['target_id', 'at_ms', 'seq'], 'events_target_idx');
    table.index(['at_ms', 'seq'], 'events_time_idx');
  });
}

/** @param {import('knex').Knex} knex */
async function createEngine(knex) {
  await knex.schema.createTable('work_items', table => {
    table.comment('One row per target and per release: who works on it, when');
    table.text('kind').notNullable().comment('target | release');
    table.text('id').notNullable();
    table.primary(['kind', 'id']);
    table
      .bigInteger('epoch')
      .notNullable()
      .comment('Raised by one with each claim; old holders are refused');
    table.text('lease_owner');
    table.bigInteger('lease_until_ms');
    table
      .bigInteger('due_at_ms')
      .comment('Wake time when free, end of the lease when claimed');
    table.bigInteger('wake_at_ms').comment('Poked while it was claimed');
    table.bigInteger('due_before_ms').comment('Since when it was due');
    table.index(['due_at_ms'], 'work_items_due_idx');
  });

  await knex.schema.createTable('commands', table => {
    table.comment('Verbs of people, answered by the next tick');
    table.bigIncrements('seq');
    table.text('id').notNullable();
    table.text('verb').notNullable();
    table.text('subject_kind').notNullable();
    table.text('subject_id').notNullable();
    table.text('target_id').comment('The target that answers it, if one does');
    table.text('actor').notNullable().comment('JSON Actor');
    table.text('reason');
    table.text('data').comment('JSON Command');
    table.bigInteger('created_at_ms').notNullable();
    table.text('idempotency_key');
    table.bigInteger('answered_at_ms');
    table.integer('accepted').comment('1 or 0, when answered');
    table.text('message');
    table.unique(['id'], { indexName: 'commands_id_uniq' });
    table.unique(['subject_kind', 'subject_id', 'idempotency_key'], {
      indexName: 'commands_idempotency_uniq',
    });
    table.index(
      ['subject_id', 'answered_at_ms', 'seq'],
      'commands_pending_idx',
    );
    table.index(['target_id', 'answered_at_ms', 'seq'], 'commands_target_idx');
    // For the clean-up alone; the pending ones are found by their subject.
    table.index(['answered_at_ms'], 'commands_answered_idx', {
      predicate: knex.whereNotNull('answered_at_ms'),
    });
  });

  await knex.schema.createTable('outbox', table => {
    table.comment('Effects that happen once: notifications, webhooks');
    table.text('key').primary();
    table.text('type').notNullable();
    table.text('payload', 'longtext').notNullable().comment('JSON');
    table.bigInteger('created_at_ms').notNullable();
    table.bigInteger('due_at_ms').comment('Next try; empty when done');
    table.integer('attempts').notNullable();
    table.text('claimed_by');
    table.bigInteger('done_at_ms');
    table.text('last_error');
    table.index(['due_at_ms'], 'outbox_due_idx');
    table.index(['done_at_ms'], 'outbox_done_idx');
  });

  await knex.schema.createTable('audit_log', table => {
    table.comment('Who did what and why; rows are added, never changed');
    table.bigIncrements('seq');
    table.bigInteger('at_ms').notNullable();
    table.text('actor_type').notNullable();
    table.text('actor_ref').notNullable();
    table.text('verb').notNullable();
    table.text('subject').notNullable();
    table.text('reason');
    table.text('digests').comment('JSON list of digests');
    table.text('outcome').notNullable();
    table.index(['subject', 'at_ms'], 'audit_log_subject_idx');
    table.index(['at_ms'], 'audit_log_time_idx');
  });
}

/** @param {import('knex').Knex} knex */
async function createFeed(knex) {
  const postgres = knex.client.config.client === 'pg';
  await knex.schema.createTable('feed', table => {
    table.comment('Hints of changes, written in the transaction of the change');
    table.bigIncrements('seq');
    if (postgres) {
      // The writing transaction: sequence numbers become visible out of order.
      table
        .specificType('xid', 'xid8')
        .notNullable()
        .defaultTo(knex.raw('pg_current_xact_id()'))
        .comment('Writing transaction');
    } else {
      table.integer('xid').notNullable().defaultTo(0);
    }
    table.text('kind').notNullable();
    table.text('subject').notNullable();
    table.text('service_ref').notNullable();
    table.bigInteger('version').notNullable();
    table.bigInteger('at_ms').notNullable();
    table.index(['xid', 'seq'], 'feed_order_idx');
    table.index(['at_ms'], 'feed_time_idx');
  });

  await knex.schema.createTable('feed_trim', table => {
    table.comment('Up to where the feed has been deleted; one row');
    table.integer('id').primary();
    table.text('xid').notNullable();
    table.bigInteger('seq').notNullable();
  });
  await knex('feed_trim').insert({ id: 1, xid: '0', seq: 0 });
}

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await createEstate(knex);
  await createReleases(knex);
  await createDeployments(knex);
  await createEngine(knex);
  await createFeed(knex);
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  for (const table of [
    'feed_trim',
    'feed',
    'audit_log',
    'outbox',
    'commands',
    'work_items',
    'events',
    'measurements',
    'deployments',
    'blob_uses',
    'blobs',
    'plans',
    'builds',
    'release_logs',
    'releases',
    'targets',
    'services',
  ]) {
    await knex.schema.dropTable(table);
  }
};
