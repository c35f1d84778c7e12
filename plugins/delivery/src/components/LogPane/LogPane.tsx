import { useEffect, useId, useMemo, useRef, useState } from 'react';
import FormControlLabel from '@material-ui/core/FormControlLabel';
import Switch from '@material-ui/core/Switch';
import TextField from '@material-ui/core/TextField';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import Alert from '@material-ui/lab/Alert';
import { LogLine } from '@slipway/backstage-plugin-delivery-common';
import { formatClock, formatExact } from '../../format';
import { Log } from '../../hooks';
import { DeliveryT, useDeliveryTranslation } from '../../translation';
import { FilterChips } from './FilterChips';
import { LogStream, filterLines, kindsOf } from './filterLines';
import { LogLevel } from './levelOf';

const useStyles = makeStyles((theme: Theme) => ({
  bar: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(1, 2),
    alignItems: 'center',
  },
  pane: {
    maxHeight: '28rem',
    minHeight: '6rem',
    overflow: 'auto',
    padding: theme.spacing(1),
    marginTop: theme.spacing(1),
    border: `1px solid ${theme.palette.divider}`,
    backgroundColor: theme.palette.background.default,
    fontFamily: 'monospace',
    fontSize: theme.typography.body2.fontSize,
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
  },
  time: { color: theme.palette.text.secondary, marginRight: theme.spacing(1) },
  system: { color: theme.palette.text.secondary, fontStyle: 'italic' },
  stderr: {
    borderLeft: `3px solid ${theme.palette.error.main}`,
    paddingLeft: theme.spacing(0.5),
  },
}));

/** More instances than these are chosen from the list above the log. */
const MOST_CHIPS = 8;

/** Lines as they come; follows the end until one reads further up. */
export function LogPane(props: { log: Log; label: string }) {
  const { log, label } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const id = useId();
  const [search, setSearch] = useState('');
  const [follow, setFollow] = useState(true);
  const pane = useRef<HTMLDivElement>(null);
  const [streams, setStreams] = useState<LogStream[]>([]);
  const [tracks, setTracks] = useState<string[]>([]);
  const [instances, setInstances] = useState<string[]>([]);
  const [containers, setContainers] = useState<string[]>([]);
  const [levels, setLevels] = useState<LogLevel[]>([]);
  const shown = filterLines(log.lines, {
    search,
    streams,
    tracks,
    instances,
    containers,
    levels,
  });
  const kinds = useMemo(() => kindsOf(log.lines), [log.lines]);
  const isFiltered = shown.length < log.lines.length;
  const lastNumber = log.lines[log.lines.length - 1]?.number;

  useEffect(() => {
    if (follow && pane.current) {
      pane.current.scrollTop = pane.current.scrollHeight;
    }
  }, [follow, lastNumber]);

  // Nothing jumps while one reads: scrolling up lets go of the end.
  const onScroll = () => {
    const element = pane.current;
    if (element) {
      const atEnd =
        element.scrollHeight - element.scrollTop - element.clientHeight < 24;
      setFollow(atEnd);
    }
  };

  return (
    <section aria-label={label}>
      <div className={classes.bar}>
        <TextField
          id={`${id}-search`}
          size="small"
          label={t('instances.filter')}
          value={search}
          onChange={event => setSearch(event.target.value)}
        />
        <FormControlLabel
          control={
            <Switch
              color="primary"
              checked={follow}
              onChange={(_, checked) => setFollow(checked)}
            />
          }
          label={t('instances.follow')}
        />
        <FilterChips
          label={t('instances.byTrack')}
          options={union(kinds.tracks, tracks).map(value => ({
            value,
            label: trackWord(t, value),
          }))}
          chosen={tracks}
          onChange={setTracks}
        />
        <FilterChips
          label={t('instances.byLevel')}
          options={union(kinds.levels, levels).map(value => ({
            value,
            label: t(`instances.levels.${value}`),
          }))}
          chosen={levels}
          onChange={setLevels}
        />
        {kinds.instances.length <= MOST_CHIPS && (
          <FilterChips
            label={t('instances.byInstance')}
            options={union(kinds.instances, instances).map(plain)}
            chosen={instances}
            onChange={setInstances}
          />
        )}
        <FilterChips
          label={t('instances.byContainer')}
          options={union(kinds.containers, containers).map(plain)}
          chosen={containers}
          onChange={setContainers}
        />
        <FilterChips
          label={t('instances.byStream')}
          options={union(kinds.streams, streams).map(value => ({
            value,
            label: t(`instances.streams.${value}`),
          }))}
          chosen={streams}
          onChange={setStreams}
        />
        {log.dropped > 0 && (
          <Typography variant="body2">
            {t('instances.dropped', { lines: String(log.dropped) })}
          </Typography>
        )}
      </div>
      {log.error && (
        <Alert severity="warning">
          {t('instances.broken', { message: log.error.message })}
        </Alert>
      )}
      <div
        ref={pane}
        className={classes.pane}
        role="log"
        aria-label={label}
        // A busy log read out line by line helps nobody; it can be read at will.
        aria-live="off"
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so the keyboard must reach it
        tabIndex={0}
        onScroll={onScroll}
      >
        {shown.length === 0 && !log.loading && (
          <span>
            {isFiltered ? t('instances.noMatch') : t('instances.empty')}
          </span>
        )}
        {shown.map(line => (
          <div key={line.number} className={lineClass(classes, line.stream)}>
            <span className={classes.time} title={formatExact(line.atMs)}>
              {formatClock(line.atMs)}
            </span>
            {line.track && `[${trackWord(t, line.track)}] `}
            {line.instance && `${sourceOf(line)} `}
            {line.text}
          </div>
        ))}
        {log.ended && <div>{t('instances.ended')}</div>}
      </div>
    </section>
  );
}

function lineClass(
  classes: Record<'stderr' | 'system', string>,
  stream: LogStream | undefined,
): string | undefined {
  return stream === 'stderr' || stream === 'system'
    ? classes[stream]
    : undefined;
}

/** `checkout-1`, with the container where the instance has several. */
function sourceOf({ instance = '', container }: LogLine): string {
  return container ? `${instance}/${container}` : instance;
}

function plain(value: string) {
  return { value, label: value };
}

/** A choice stays in sight when no line of it is left. */
function union<T>(found: T[], chosen: T[]): T[] {
  return [...new Set([...found, ...chosen])];
}

const TRACKS = ['stable', 'canary', 'preview', 'draining', 'gone'] as const;

function trackWord(t: DeliveryT, track: string): string {
  const known = TRACKS.find(it => it === track);
  if (!known) {
    return track;
  }
  return t(`words.track.${known}`);
}
