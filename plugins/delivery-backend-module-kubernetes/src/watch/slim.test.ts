import { TRAFFIC_ROUTES_ANNOTATION } from '../names';
import { slimMetadata, slimShared } from './slim';

describe('What the watch keeps of a Service or a route', () => {
  const long = 'x'.repeat(5_000);
  const object = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: {
      name: 'shop',
      annotations: { [TRAFFIC_ROUTES_ANNOTATION]: long, 'team/notes': 'none' },
      managedFields: [
        { manager: 'slipway-traffic', operation: 'Apply' as const },
        { manager: 'kubectl-edit', operation: 'Update' as const },
        { manager: 'contour', subresource: 'status' },
      ],
    },
    spec: { rules: [] },
  };

  it('is all that we wrote on it, and who else has written it', () => {
    expect(slimShared(object)).toEqual({
      ...object,
      metadata: {
        name: 'shop',
        annotations: { [TRAFFIC_ROUTES_ANNOTATION]: long },
        managedFields: [{ manager: 'kubectl-edit', operation: 'Update' }],
      },
    });
  });

  it('of everything else is short', () => {
    expect(slimMetadata(object).metadata).toEqual({ name: 'shop' });
  });
});
