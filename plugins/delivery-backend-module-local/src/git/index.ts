export { createLocalGitFetcher, type LocalGitFetcherOptions } from './fetcher';
