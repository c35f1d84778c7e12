export { ServiceLink } from './ServiceLink';
