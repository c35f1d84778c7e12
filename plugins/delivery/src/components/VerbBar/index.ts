export { VerbBar } from './VerbBar';
