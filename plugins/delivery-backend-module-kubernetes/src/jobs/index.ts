export { createJobs } from './jobs';
