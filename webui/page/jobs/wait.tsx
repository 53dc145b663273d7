/** Why a machine in a job waits, who is ahead of it, and until when. */
import { Link } from 'react-router';
import type { JobMachine } from '../api/types';
import { useLanguage } from '../language/language';
import { useProblemText } from '../language/problem';

/** Nothing for a machine that does not wait. */
export function WaitReason({ row }: { row: JobMachine }) {
  const { t, format } = useLanguage();
  const problemText = useProblemText();
  const { wait } = row;
  if (wait === undefined || wait === null) return row.state === 'queued' ? <div>{t('job.queued-why')}</div> : null;
  const text = problemText(wait.problem);
  return (
    <div>
      {text.title}{' '}
      {wait.ahead !== undefined && wait.ahead !== null && wait.ahead > 0 && <span className="amorce-quiet">{t('wait.ahead', { count: wait.ahead })} </span>}
      {wait.until !== undefined && wait.until !== null && <span className="amorce-quiet">{t('wait.until', { moment: format.moment(Date.parse(wait.until)) })} </span>}
      {wait.behind !== undefined && wait.behind !== null && <Link to={`/jobs/${wait.behind}`}>{t('wait.behind')}</Link>}
      {text.remedy !== '' && <div className="amorce-quiet">{text.remedy}</div>}
    </div>
  );
}

/** Whether somebody has to switch the machine on. */
export function isAbsent(row: JobMachine): boolean {
  return row.state === 'queued' && (row.wait === undefined || row.wait === null || row.wait.problem.code === 'machine-absent');
}
