/** What became of machines in the last two weeks: one bar per day, and the same as a table for readers. */
import { useLanguage } from '../language/language';
import type { Day } from './days';

const [WIDTH, HEIGHT, FOOT] = [560, 150, 22];
const PARTS = ['done', 'open', 'cancelled', 'failed'] as const;

/** Plain SVG: sizes are attributes, colours stand in the sheet. */
export function JobsChart({ days }: { days: Day[] }) {
  const { t, format } = useLanguage();
  const most = Math.max(1, ...days.map((day) => PARTS.reduce((sum, part) => sum + day[part], 0)));
  const step = WIDTH / days.length;
  const scale = (HEIGHT - FOOT - 14) / most;
  return (
    <>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="amorce-chart" aria-hidden="true" focusable="false">
        <line x1="0" x2={WIDTH} y1={HEIGHT - FOOT} y2={HEIGHT - FOOT} className="amorce-chart-axis" />
        {days.map((day, index) => {
          const total = PARTS.reduce((sum, part) => sum + day[part], 0);
          let below = 0;
          return (
            <g key={day.at}>
              {PARTS.map((part) => {
                const height = day[part] * scale;
                below += height;
                return height === 0 ? null : (
                  <rect key={part} x={index * step + step * 0.2} width={step * 0.6} y={HEIGHT - FOOT - below} height={height} rx="2" className={`amorce-chart-${part}`} />
                );
              })}
              {total > 0 && (
                <text x={index * step + step / 2} y={HEIGHT - FOOT - below - 4} className="amorce-chart-text">
                  {total}
                </text>
              )}
              {(days.length - 1 - index) % 2 === 0 && (
                <text x={index * step + step / 2} y={HEIGHT - 5} className="amorce-chart-text">
                  {format.day(day.at)}
                </text>
              )}
            </g>
          );
        })}
      </svg>
      <p className="amorce-legend" aria-hidden="true">
        {PARTS.filter((part) => days.some((day) => day[part] > 0)).map((part) => (
          <span key={part}>
            <span className={`amorce-swatch amorce-chart-${part}`} /> {t(`chart.${part}`)}
          </span>
        ))}
      </p>
      <div className="amorce-for-readers">
      <table>
        <caption>{t('dashboard.jobs')}</caption>
        <thead>
          <tr>
            <th>{t('chart.day')}</th>
            {PARTS.map((part) => (
              <th key={part}>{t(`chart.${part}`)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {days.map((day) => (
            <tr key={day.at}>
              <th>{format.day(day.at)}</th>
              {PARTS.map((part) => (
                <td key={part}>{day[part]}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      </div>
    </>
  );
}
