import { useEffect, useRef, useState } from 'react';
import { makeStyles } from '@material-ui/core/styles';

const useStyles = makeStyles({
  hidden: {
    position: 'absolute',
    width: 1,
    height: 1,
    overflow: 'hidden',
    clip: 'rect(0 0 0 0)',
    whiteSpace: 'nowrap',
  },
});

/** Tells transitions to those who do not see them; says nothing of the first state. */
export function LiveRegion(props: { states: Record<string, string> }) {
  const classes = useStyles();
  const before = useRef<Record<string, string>>();
  const [message, setMessage] = useState('');
  const key = JSON.stringify(props.states);
  useEffect(() => {
    const states: Record<string, string> = JSON.parse(key);
    const known = before.current;
    before.current = states;
    if (!known) {
      return;
    }
    const changed = Object.entries(states)
      .filter(([name, text]) => name in known && known[name] !== text)
      .map(([, text]) => text);
    if (changed.length) {
      setMessage(changed.join('. '));
    }
  }, [key]);
  return (
    <div role="status" aria-live="polite" className={classes.hidden}>
      {message}
    </div>
  );
}
