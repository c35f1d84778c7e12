export { newInCanary } from './newInCanary';
