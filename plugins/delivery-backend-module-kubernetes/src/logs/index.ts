export { createLogProvider } from './logProvider';
