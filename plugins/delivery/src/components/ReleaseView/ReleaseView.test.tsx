import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { accessibilityProblems, renderForEntity } from '../../__testUtils__';
import {
  DIGEST_180,
  FakeDeliveryApi,
  SERVICE,
  blockedRelease,
  buildingRelease,
  release,
  releaseDetail,
} from '../../testing';
import { DeliveryTab } from '../DeliveryTab';

jest.setTimeout(60_000);

async function renderRelease(api: FakeDeliveryApi) {
  await renderForEntity(<DeliveryTab />, api, '/releases/release-1');
}

describe('ReleaseView', () => {
  it('opens on the running stage with its log, and shows the digest the moment it exists', async () => {
    const api = new FakeDeliveryApi();
    api.releaseDetail = releaseDetail(buildingRelease());
    await renderRelease(api);
    const strip = await screen.findByRole('list', { name: 'Stages' });
    expect(
      within(strip).getByRole('button', { name: /Build/ }),
    ).toHaveAttribute('aria-current', 'true');
    expect(
      await screen.findByRole('log', { name: 'Log of Build' }),
    ).toHaveTextContent('hello from the log');
    expect(
      screen.getByText('The digest appears as soon as the image is built.'),
    ).toBeInTheDocument();
    expect(await accessibilityProblems()).toEqual([]);

    api.releaseDetail = releaseDetail(
      release({ id: 'release-190', version: 'v1.9.0', status: 'running' }),
    );
    api.emit({ kind: 'release', subject: 'release-1', service: SERVICE });
    expect(
      await screen.findByText(`storefront/checkout:v1.8.0@${DIGEST_180}`),
    ).toBeInTheDocument();
  });

  it('says which finding blocked a release, by which rule, and what was not covered', async () => {
    const api = new FakeDeliveryApi();
    api.releaseDetail = releaseDetail(blockedRelease());
    api.findings.notCovered = ['the base image: no package list'];
    await renderRelease(api);
    expect(
      await screen.findByText(
        'Blocked: 1 critical finding blocks: lodash 4.17.20 (GHSA-35jh-r3h4-6jhm)',
      ),
    ).toBeInTheDocument();
    const table = await screen.findByRole('table', {
      name: 'upgrade lodash to 4.17.21: 2 findings go',
    });
    expect(table).toHaveTextContent('Blocking');
    expect(table).toHaveTextContent('production: severity critical');
    expect(
      screen.getByText(/Not covered by the scanner .*the base image/),
    ).toBeInTheDocument();
    expect(screen.getByRole('button', { name: /Gate/ })).toHaveAttribute(
      'aria-current',
      'true',
    );
    expect(await accessibilityProblems()).toEqual([]);
  });

  it('says where a definition is wrong: file, line and column', async () => {
    const api = new FakeDeliveryApi();
    const failed = release({
      status: 'failed',
      images: [],
      findings: undefined,
      reason: {
        code: 'definition-invalid',
        message: 'The delivery definition cannot be used: delivery.yaml:12:9',
        action: 'Correct the file and release the new commit.',
      },
    });
    api.releaseDetail = releaseDetail(failed, {
      definitionProblems: [
        {
          file: 'delivery.yaml',
          line: 12,
          column: 9,
          path: 'environments[0].strategy',
          expected: 'one of rolling, blueGreen, canary',
          found: 'canari',
          hint: 'Did you mean "canary"?',
        },
      ],
    });
    await renderRelease(api);
    const place = await screen.findByText('delivery.yaml:12:9');
    expect(place.closest('li')).toHaveTextContent(
      'expected one of rolling, blueGreen, canary, found canari',
    );
    expect(place.closest('li')).toHaveTextContent('Did you mean "canary"?');
    const alert = place.closest('[role="alert"]');
    expect(alert).toHaveTextContent('Correct the file');
    // Said once, and nothing is promised or asked for that will not come.
    expect(screen.getAllByText(/cannot be used/)).toHaveLength(1);
    expect(screen.getByText('No image was built.')).toBeInTheDocument();
    expect(
      screen.getByText('It was not scanned yet, so nothing is known.'),
    ).toBeInTheDocument();
    expect(api.calls).not.toContain('getFindings');
    expect(await accessibilityProblems()).toEqual([]);
  });

  it('cancels a release that is being made, after asking', async () => {
    const api = new FakeDeliveryApi();
    api.releaseDetail = releaseDetail(buildingRelease());
    await renderRelease(api);
    await userEvent.click(
      await screen.findByRole('button', { name: 'Cancel release' }),
    );
    const dialog = await screen.findByRole('dialog');
    expect(dialog).toHaveTextContent('Nothing of it will be deployed.');
    await userEvent.click(
      within(dialog).getByRole('button', { name: 'Cancel release' }),
    );
    await waitFor(() =>
      expect(api.sent).toMatchObject([
        { subject: 'release-190', verb: 'cancel' },
      ]),
    );
  });
});
