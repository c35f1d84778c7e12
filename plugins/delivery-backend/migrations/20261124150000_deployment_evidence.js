// @ts-check

/*
 * What is looked at with one deployment and never in lists: its shares over
 * time, and what its candidate logged that stable did not. Apart from the
 * deployment, so that a page of deployments does not carry it.
 */

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.createTable('deployment_evidence', table => {
    table.comment('Bounded documents beside a deployment; replaced as a whole');
    table.text('deployment_id').notNullable();
    table.text('kind').notNullable().comment('traffic | logs');
    table.text('data', 'longtext').notNullable().comment('JSON, by kind');
    table.primary(['deployment_id', 'kind']);
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.dropTable('deployment_evidence');
};
