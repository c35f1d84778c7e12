export { LiveMarker } from './LiveMarker';
