export { ChainLine } from './ChainLine';
