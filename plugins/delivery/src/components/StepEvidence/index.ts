export { StepEvidence } from './StepEvidence';
export { AnalysisEvidence } from './AnalysisEvidence';
