import { useLocation, useParams } from 'react-router-dom';

/**
 * Where the page or tab is mounted. The place is the adopter's choice in both
 * frontend systems, so it is read from the location: what the mounting route's
 * splat did not match.
 */
export function useMountedBase(): string {
  const { pathname } = useLocation();
  const rest = useParams()['*'] ?? '';
  return decodeURI(pathname)
    .slice(0, decodeURI(pathname).length - rest.length)
    .replace(/\/+$/, '');
}
