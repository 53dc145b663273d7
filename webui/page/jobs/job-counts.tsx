/** How the machines of a job are spread over its states: a bar, and the same in words. */
import type { JobCounts } from '../api/types';
import { useLanguage } from '../language/language';
import { Share } from '../layout/measure';

const ORDER = ['done', 'running', 'waiting', 'queued', 'failed', 'cancelled'] as const;

/** For one machine nothing: its label says it all. */
export function JobCountsBar({ counts }: { counts: JobCounts }) {
  const { t } = useLanguage();
  if (counts.total < 2) return null;
  const present = ORDER.filter((state) => counts[state] > 0);
  const words = present.map((state) => t(`job.count.${state}`, { count: counts[state] })).join(', ');
  return (
    <div className="amorce-counts">
      <div className="amorce-counts-bar" aria-hidden="true">
        {present.map((state) => (
          <Share key={state} of={counts[state]} className={`amorce-count-${state}`} />
        ))}
      </div>
      <span className="amorce-quiet">{words}</span>
    </div>
  );
}
