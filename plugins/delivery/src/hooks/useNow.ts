import { useEffect, useState } from 'react';

/** The time, renewed each `everyMs` while somebody looks, and with what is shown anew. */
export function useNow(everyMs = 1_000): number {
  const [, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState !== 'hidden') {
        setNowMs(Date.now());
      }
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return Date.now();
}
