import { ReactNode } from 'react';
import { CodeSnippet } from '@backstage/core-components';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';

const useStyles = makeStyles((theme: Theme) => ({
  root: { padding: theme.spacing(2, 0), overflowX: 'auto' },
}));

/** Nothing is there yet: says what to do, with the text to copy. */
export function Empty(props: {
  title: string;
  children?: ReactNode;
  snippets?: Array<{ name: string; text: string }>;
}) {
  const classes = useStyles();
  return (
    <div className={classes.root}>
      <Typography variant="body1">{props.title}</Typography>
      {props.children && (
        <Typography variant="body2">{props.children}</Typography>
      )}
      {props.snippets?.map(snippet => (
        <div key={snippet.name}>
          <Typography variant="subtitle2" component="p">
            {snippet.name}
          </Typography>
          <CodeSnippet text={snippet.text} language="yaml" showCopyCodeButton />
        </div>
      ))}
    </div>
  );
}
