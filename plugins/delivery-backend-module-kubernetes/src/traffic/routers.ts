import { gatewayApi } from './gatewayApi';
import { Router } from './router';

/** Every kind of router that is known; a new one is a file and a line here. */
export const routers: Router[] = [gatewayApi];
