export { DefinitionProblems } from './DefinitionProblems';
