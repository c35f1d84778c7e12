import { ReactNode } from 'react';
import { Theme, makeStyles } from '@material-ui/core/styles';
import AutorenewIcon from '@material-ui/icons/Autorenew';
import CheckCircleOutlineIcon from '@material-ui/icons/CheckCircleOutline';
import ErrorOutlineIcon from '@material-ui/icons/ErrorOutline';
import PauseCircleOutlineIcon from '@material-ui/icons/PauseCircleOutline';
import RemoveIcon from '@material-ui/icons/Remove';
import { Tone, toneColour } from '../../theme';

const ICONS = {
  neutral: CheckCircleOutlineIcon,
  moving: AutorenewIcon,
  waiting: PauseCircleOutlineIcon,
  broken: ErrorOutlineIcon,
  unknown: RemoveIcon,
};

const useStyles = makeStyles<Theme, { tone: Tone }>(theme => ({
  root: {
    display: 'inline-flex',
    // The word stands on the line of the text around it.
    alignItems: 'baseline',
    gap: theme.spacing(0.5),
    color: theme.palette.text.primary,
    fontWeight: 500,
  },
  icon: {
    fontSize: '1.15em',
    flex: 'none',
    alignSelf: 'center',
    color: props => toneColour(theme, props.tone),
  },
  '@keyframes turn': { to: { transform: 'rotate(360deg)' } },
  turning: {
    '@media (prefers-reduced-motion: no-preference)': {
      animation: '$turn 2s linear infinite',
    },
  },
}));

/** A state: colour, icon and word together, never the colour alone. */
export function ToneWord(props: { tone: Tone; children: ReactNode }) {
  const classes = useStyles({ tone: props.tone });
  const Icon = ICONS[props.tone];
  return (
    <span className={classes.root} data-tone={props.tone}>
      <Icon
        aria-hidden
        className={`${classes.icon} ${
          props.tone === 'moving' ? classes.turning : ''
        }`}
      />
      <span>{props.children}</span>
    </span>
  );
}
