export { createGiveBack } from './giveBack';
