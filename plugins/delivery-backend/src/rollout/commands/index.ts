export { answerCommands } from './commands';
