export { ToneWord } from './ToneWord';
