import { HttpAuthService } from '@backstage/backend-plugin-api';
import { ApiServices } from '../services';

/** What each resource's router gets. */
export interface RouteOptions {
  httpAuth: HttpAuthService;
  services: ApiServices;
}
