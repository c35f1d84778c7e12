export { makeRepository, type RepositoryCommit } from './repository';
export { logText, testRegistry, testWorkspace } from './fixtures';
