import { createBackend } from '@backstage/backend-defaults';

const backend = createBackend();

backend.add(import('@backstage/plugin-app-backend'));

backend.add(import('@backstage/plugin-auth-backend'));
backend.add(import('@backstage/plugin-auth-backend-module-guest-provider'));

backend.add(import('@backstage/plugin-catalog-backend'));
backend.add(
  import('@backstage/plugin-catalog-backend-module-scaffolder-entity-model'),
);
backend.add(import('@backstage/plugin-catalog-backend-module-logs'));

backend.add(import('@backstage/plugin-permission-backend'));
backend.add(
  import('@backstage/plugin-permission-backend-module-allow-all-policy'),
);

backend.add(import('@backstage/plugin-scaffolder-backend'));
backend.add(import('@backstage/plugin-user-settings-backend'));
backend.add(import('@backstage/plugin-notifications-backend'));
backend.add(import('@backstage/plugin-signals-backend'));

backend.add(import('@slipway/backstage-plugin-delivery-backend'));
backend.add(import('@slipway/backstage-plugin-delivery-backend-module-local'));
backend.add(
  import('@slipway/backstage-plugin-delivery-backend-module-kubernetes'),
);
backend.add(
  import('@slipway/backstage-plugin-delivery-backend-module-buildkit'),
);
backend.add(
  import('@slipway/backstage-plugin-delivery-backend-module-prometheus'),
);
backend.add(
  import('@slipway/backstage-plugin-delivery-backend-module-notifications'),
);

backend.start();
