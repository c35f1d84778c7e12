import { gatewayApi } from './gateway';
import { Router } from './router';

/** Every kind of router that is known; a new one is a file or a room beside `gateway`, and a line here. */
export const routers: Router[] = [gatewayApi];
