/** The machines of a job at a glance: one tile each, coloured by state and filled by progress, its words beside it. */
import type { JobMachine, JobState } from '../api/types';
import { useLanguage } from '../language/language';
import { Share } from '../layout/measure';

/** Below this number the rows themselves are at a glance. */
const TILES_MIN = 4;

interface Props {
  rows: JobMachine[];
  /** The state that the rows are narrowed to; empty: all. */
  chosen: string;
  onChoose: (machine: JobMachine) => void;
}

/** Tiles in the order of their names. */
export function RoomMap({ rows, chosen, onChoose }: Props) {
  const { t, format } = useLanguage();
  if (rows.length < TILES_MIN) return null;
  const inOrder = rows.toSorted((left, right) => left.machine_label.localeCompare(right.machine_label, undefined, { numeric: true }));
  return (
    <ul className="amorce-room" aria-label={t('room.map')}>
      {inOrder.map((row) => {
        const share = shareOf(row);
        return (
          <li key={row.machine}>
            <button
              type="button"
              className={`amorce-tile amorce-tile-${row.state}${chosen !== '' && chosen !== row.state ? ' amorce-tile-aside' : ''}`}
              onClick={() => onChoose(row)}
            >
              <span className="amorce-tile-name">{row.machine_label}</span>
              <span className="amorce-tile-state">
                {t(`job.state.${row.state}`)}
                {row.state === 'running' && ` · ${format.percent(share)}`}
              </span>
              <span className="amorce-tile-bar" aria-hidden="true">
                <Share of={share} className={`amorce-count-${row.state}`} />
                <Share of={1 - share} className="amorce-tile-rest" />
              </span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** How much of the running step is behind a machine. */
function shareOf(row: JobMachine): number {
  const whole: JobState[] = ['done', 'failed', 'cancelled'];
  if (whole.includes(row.state)) return 1;
  const { progress } = row;
  if (progress === undefined || progress === null || progress.bytes_total <= 0) return 0;
  return Math.min(progress.bytes_done / progress.bytes_total, 1);
}
