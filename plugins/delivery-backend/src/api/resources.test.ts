import request from 'supertest';
import {
  BILLING,
  CHECKOUT,
  deploymentRow,
  releaseRow,
} from './__testUtils__/testApi';
import { DATABASES, SERVICE, useApis } from './__testUtils__/useApis';

jest.setTimeout(120_000);

describe.each(DATABASES)(
  'the API from a release to its deployment, on %s',
  database => {
    const openApi = useApis(database);

    it('makes a release, answers its parts, and never its insides', async () => {
      const { app, store, audited } = await openApi();
      const created = await request(app)
        .post(`${SERVICE}/releases`)
        .send({ commit: 'main', reason: 'the fix' })
        .expect(201);
      expect(created.body).toMatchObject({
        id: 'release-main',
        service: CHECKOUT,
        createdBy: { type: 'user', ref: 'user:default/mock' },
      });
      expect(created.body.checkpoint).toBeUndefined();
      expect(audited).toEqual([
        {
          eventId: 'release-create',
          outcome: 'success',
          meta: expect.objectContaining({
            verb: 'release',
            subject: CHECKOUT,
            actor: 'user:default/mock',
            reason: 'the fix',
          }),
        },
      ]);

      await store.releases.appendLog('release-main', 'build', [
        { atMs: 1, text: 'one' },
        { atMs: 2, text: 'two' },
      ]);
      const detail = await request(app)
        .get('/v1/releases/release-main')
        .expect(200);
      expect(detail.body.release.checkpoint).toBeUndefined();
      expect(detail.body.verbs.cancel).toEqual({ allowed: true });
      expect(detail.body.verbs.retry).toEqual({
        allowed: false,
        reason: expect.stringContaining('this one is queued'),
      });
      const logs = await request(app)
        .get('/v1/releases/release-main/logs?stage=build&limit=1')
        .expect(200);
      expect(logs.body.lines).toEqual([{ atMs: 1, text: 'one' }]);
      const rest = await request(app)
        .get(
          `/v1/releases/release-main/logs?stage=build&after=${logs.body.nextOffset}`,
        )
        .expect(200);
      expect(rest.body).toMatchObject({
        lines: [{ atMs: 2, text: 'two' }],
        ended: false,
      });
      await request(app).get('/v1/releases/release-main/findings').expect(404);
      await request(app).get('/v1/releases/none').expect(404);
    });

    it('shows findings and SBOM from the kept blobs', async () => {
      const { app, store } = await openApi();
      const sbom = Buffer.from('{"bomFormat":"CycloneDX"}');
      await store.releases.create(
        releaseRow({
          id: 'r1',
          findingsBlob: await store.blobs.put(
            Buffer.from(
              JSON.stringify({ findings: [], notCovered: ['native code'] }),
            ),
          ),
          sbomBlobs: { app: await store.blobs.put(sbom) },
        }),
      );
      const findings = await request(app)
        .get('/v1/releases/r1/findings')
        .expect(200);
      expect(findings.body).toEqual({
        findings: [],
        notCovered: ['native code'],
      });
      const bom = await request(app)
        .get('/v1/releases/r1/sbom?image=app')
        .expect(200);
      expect(bom.type).toBe('application/vnd.cyclonedx+json');
      await request(app).get('/v1/releases/r1/sbom?image=other').expect(404);
    });

    it('asks the engine for a deployment, and answers verbs when it does', async () => {
      const { app, store, poked } = await openApi();
      await store.releases.create(releaseRow({ id: 'r1', status: 'ready' }));
      const created = await request(app)
        .post('/v1/deployments')
        .send({ service: CHECKOUT, environment: 'staging', releaseId: 'r1' })
        .expect(201);
      const { id } = created.body;
      const detail = await request(app)
        .get(`/v1/deployments/${id}`)
        .expect(200);
      expect(detail.body).toMatchObject({
        deployment: { id, status: 'queued', cause: 'manual' },
        release: { id: 'r1' },
        verbs: {
          cancel: { allowed: true },
          pause: { allowed: false, reason: expect.stringContaining('started') },
        },
      });

      // The engine answers while the request waits.
      const command = request(app)
        .post(`/v1/deployments/${id}/commands`)
        .send({ verb: 'cancel', reason: 'not today', idempotencyKey: 'k1' })
        .then(response => response);
      const deadlineMs = Date.now() + 20_000;
      while (poked.length === 0 && Date.now() < deadlineMs) {
        await new Promise(resolve => setTimeout(resolve, 10));
      }
      const [pending] = await store.commands.pending([id]);
      expect(pending).toMatchObject({ verb: 'cancel', reason: 'not today' });
      await store.transaction(tx =>
        store.commands.answer(
          [{ commandId: pending.id, accepted: true, message: 'cancelled' }],
          tx,
        ),
      );
      const first = await command;
      // The answer may come just after the wait on a slow machine; the same key
      // then asks for the same command.
      expect([200, 202]).toContain(first.status);
      const again = await request(app)
        .post(`/v1/deployments/${id}/commands`)
        .send({ verb: 'cancel', reason: 'not today', idempotencyKey: 'k1' })
        .expect(200);
      expect(again.body).toMatchObject({
        commandId: pending.id,
        accepted: true,
        message: 'cancelled',
      });
    });

    it('says so when the engine does not answer in time', async () => {
      const { app } = await openApi();
      const answer = await request(app)
        .post(`${SERVICE}/environments/production/commands`)
        .send({ verb: 'hold', reason: 'freeze' })
        .expect(202);
      expect(answer.body).toMatchObject({ accepted: true, pending: true });
    });

    it('answers the whole tab at once, and one failing connection spoils only its own values', async () => {
      const { app, connection, store } = await openApi();
      connection.setInstances(
        { service: CHECKOUT, environment: 'staging' },
        {
          known: [
            {
              id: 'i1',
              generation: 'g1',
              phase: 'running',
              ready: true,
              restarts: 0,
            },
          ],
          observedAtMs: 5,
          reflects: 1,
        },
      );
      connection.setInstances(
        { service: CHECKOUT, environment: 'production' },
        { unknown: 'the cluster does not answer', sinceMs: 7 },
      );
      await store.deployments.create(deploymentRow({ id: 'd1' }));
      connection.failure = new Error('connection refused');
      const { body } = await request(app)
        .get(`${SERVICE}/overview`)
        .expect(200);
      expect(
        body.targets.map(
          (t: { environment: { name: string } }) => t.environment.name,
        ),
      ).toEqual(['staging', 'production']);
      const [staging, production] = body.targets;
      expect(staging.workloads.known.generations[0]).toMatchObject({
        generation: 'g1',
        ready: 1,
      });
      expect(staging.traffic.unknown).toBe('connection refused');
      expect(staging.queued).toMatchObject([{ id: 'd1' }]);
      expect(staging.environment.notices).toEqual(['isolates nothing']);
      expect(staging.verbs).toMatchObject({
        deploy: { allowed: true },
        rollback: {
          allowed: false,
          reason: expect.stringContaining('earlier'),
        },
        'release-hold': { allowed: false, reason: 'There is no hold' },
      });
      expect(production.workloads.unknown).toBe('connection refused');
    });

    it('asks the world once, whatever number of people look', async () => {
      const { app, connection } = await openApi();
      connection.setInstances(
        { service: CHECKOUT, environment: 'staging' },
        { known: [], observedAtMs: 1, reflects: 0 },
      );
      connection.setInstances(
        { service: CHECKOUT, environment: 'production' },
        { known: [], observedAtMs: 1, reflects: 0 },
      );
      await Promise.all(
        Array.from({ length: 10 }, () =>
          request(app).get(`${SERVICE}/overview`).expect(200),
        ),
      );
      // Traffic and operations of two environments; again when a second passed.
      expect(connection.asked % 4).toBe(0);
      expect(connection.asked).toBeLessThan(40);
      const before = connection.asked;
      await request(app).get('/v1/targets').expect(200);
      expect(connection.asked).toBe(before);
    });

    it('shows what is wrong beside the instances, and counts in what is wanted there', async () => {
      const { app, connection } = await openApi();
      const target = { service: CHECKOUT, environment: 'staging' };
      const now = { observedAtMs: 1, reflects: 1 };
      connection.setInstances(target, { known: [], ...now });
      connection.setSurroundings(target, {
        known: {
          causes: [
            {
              code: 'service-selects-nothing',
              summary: 'The Service checkout selects no pod',
              evidence: 'selector app=chekout',
              action: 'Correct the selector',
              sinceMs: 1,
              level: 'error',
              about: 'Service/checkout',
            },
          ],
        },
        ...now,
      });
      const view = async (path: string) => {
        const { body } = await request(app).get(path).expect(200);
        return (body.targets ?? body.items).find(
          (item: { service: string; environment: { name: string } }) =>
            item.service === CHECKOUT && item.environment.name === 'staging',
        );
      };
      for (const path of [`${SERVICE}/overview`, '/v1/targets']) {
        expect((await view(path)).causes).toMatchObject({
          known: [
            {
              summary: 'The Service checkout selects no pod',
              action: 'Correct the selector',
              level: 'error',
              about: 'Service/checkout',
            },
          ],
        });
      }
      const { body } = await request(app)
        .get('/v1/events.json?services=component:default/checkout')
        .expect(200);
      expect(body.items).toMatchObject([
        {
          kind: 'instances',
          causes: { known: [{ about: 'Service/checkout' }] },
        },
      ]);
      connection.setSurroundings(target, { unknown: 'lost', sinceMs: 5 });
      expect((await view(`${SERVICE}/overview`)).causes).toEqual({
        unknown: 'lost',
        sinceMs: 5,
      });
    });

    it('does not run an operation that cannot be used now, and says why', async () => {
      const { app, connection, audited } = await openApi();
      const path = `${SERVICE}/environments/staging/operations/scale`;
      connection.unavailable = 'HorizontalPodAutoscaler/checkout decides';
      const refused = await request(app)
        .post(path)
        .send({ args: { replicas: 5 }, reason: 'the sale' })
        .expect(409);
      expect(refused.body.error.message).toBe(
        'HorizontalPodAutoscaler/checkout decides',
      );
      connection.unavailable = undefined;
      await request(app)
        .post(path)
        .send({ args: { replicas: 5 }, reason: 'the sale' })
        .expect(200);
      expect(JSON.stringify(audited)).toContain('operation:scale replicas=5');
    });

    it('lists what waits for a person', async () => {
      const { app, store } = await openApi();
      await store.targets.setHold(
        { service: BILLING, environment: 'production' },
        {
          by: { type: 'plugin', ref: 'plugin:delivery' },
          sinceMs: 1,
          reason: 'rolled back',
        },
      );
      await store.deployments.create(
        deploymentRow({ id: 'd1', status: 'errored' }),
      );
      await store.deployments.create(
        deploymentRow({ id: 'd2', environment: 'production' }),
      );
      const { body } = await request(app)
        .get('/v1/targets?attention=true')
        .expect(200);
      expect(
        body.items.map((item: { service: string }) => item.service),
      ).toEqual([BILLING, CHECKOUT]);
      const all = await request(app).get('/v1/targets').expect(200);
      expect(all.body.items).toHaveLength(4);
    });

    it('runs an operation of the connection, and reads its logs', async () => {
      const { app, connection } = await openApi();
      const path = `${SERVICE}/environments/staging`;
      const answer = await request(app)
        .post(`${path}/operations/traffic`)
        .send({ args: { on: true } })
        .expect(200);
      expect(answer.body).toMatchObject({
        accepted: true,
        message: 'traffic is on',
      });
      await request(app).post(`${path}/operations/other`).send({}).expect(404);
      connection.lines = [{ atMs: 1, text: 'hello' }];
      const logs = await request(app).get(`${path}/logs`).expect(200);
      expect(logs.body).toMatchObject({
        lines: [{ text: 'hello' }],
        nextOffset: '1',
      });
      const checks = await request(app).get(`${path}/checks`).expect(200);
      expect(checks.body.items).toMatchObject([
        { title: `Rights for ${CHECKOUT}`, status: 'missing' },
      ]);
      const preview = await request(app).get(`${path}/preview/r1`).expect(200);
      expect(preview.body.diff).toMatchObject({
        changes: [{ id: 'Deployment/plan-of-r1', change: 'changed' }],
        unchanged: 3,
      });
      const commits = await request(app).get(`${SERVICE}/commits`).expect(200);
      expect(commits.body.items).toHaveLength(1);
      await request(app).get('/v1/environments').expect(200);
      await request(app).get('/v1/schema/delivery.json').expect(200);
      const document = await request(app).get('/openapi.json').expect(200);
      expect(document.body.openapi).toBe('3.1.0');
    });
  },
);
