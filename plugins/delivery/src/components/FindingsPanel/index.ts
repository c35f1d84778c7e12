export { FindingsPanel } from './FindingsPanel';
export { ReleaseFindings } from './ReleaseFindings';
