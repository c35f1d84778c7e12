export { createNpmScanner, type NpmScannerOptions } from './scanner';
