export { createOperations } from './operations';
