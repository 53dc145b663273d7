/** What a job did, on paper: for whoever signs, and for the folder of the room. */
import { Button, PageSection } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useParams } from 'react-router';
import { jobQuery, serverQuery } from '../api/queries';
import type { Job, JobDetail, JobMachine } from '../api/types';
import { useLanguage } from '../language/language';
import { useProblemText } from '../language/problem';
import { PageHeading } from '../layout/heading';
import { PrintIcon } from '../layout/icons';
import { Loading, Problem } from '../layout/state';
import { ResultSummary } from './result';
import { useStepText } from './step-text';

/** Everything on one sheet; the frame is not printed. */
export function ReportPage() {
  const { t } = useLanguage();
  const { id = '' } = useParams();
  const { data: detail, error, isError, refetch } = useQuery(jobQuery(id));
  if (detail === undefined) return isError ? <Problem error={error} retry={() => void refetch()} /> : <Loading />;
  return (
    <>
      <PageHeading
        title={t('report.title', { title: detail.job.title })}
        parent={{ to: `/jobs/${id}`, label: detail.job.title }}
        actions={
          <Button variant="primary" icon={<PrintIcon />} onClick={() => window.print()} className="amorce-not-printed">
            {t('report.print')}
          </Button>
        }
      />
      <PageSection hasBodyWrapper={false} isFilled>
        <Report detail={detail} />
      </PageSection>
    </>
  );
}

const STATES = ['done', 'failed', 'cancelled', 'running', 'waiting', 'queued'] as const;

function Report({ detail }: { detail: JobDetail }) {
  const { t, format } = useLanguage();
  const stepText = useStepText();
  const server = useQuery(serverQuery);
  const { job, machines } = detail;
  const ends = machines.flatMap((row) => (row.ended_at === undefined || row.ended_at === null ? [] : [Date.parse(row.ended_at)]));
  const facts: [string, string][] = [
    [t('report.by'), job.created_by],
    [t('report.created'), format.moment(Date.parse(job.created_at))],
    [t('report.ended'), ends.length < machines.length ? t('report.not-over') : format.moment(Math.max(...ends))],
    [t('job.steps'), job.steps.map((step) => stepText(step)).join(' → ')],
    [t('jobs.machines'), STATES.filter((state) => job.counts[state] > 0).map((state) => t(`job.count.${state}`, { count: job.counts[state] })).join(', ')],
    [t('server.title'), server.data === undefined ? '' : `Amorce ${server.data.version}, ${format.moment(Date.parse(server.data.now))}`],
  ];
  return (
    <div className="amorce-report">
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <table>
        <thead>
          <tr>
            <th>{t('job.machine')}</th>
            <th>{t('job.state')}</th>
            <th>{t('report.duration')}</th>
            <th>{t('report.outcome')}</th>
          </tr>
        </thead>
        <tbody>
          {machines
            .toSorted((left, right) => left.machine_label.localeCompare(right.machine_label, undefined, { numeric: true }))
            .map((row) => (
              <ReportRow key={row.machine} row={row} job={job} />
            ))}
        </tbody>
      </table>
      <p className="amorce-signature">{t('report.signature')}</p>
    </div>
  );
}

function ReportRow({ row, job }: { row: JobMachine; job: Job }) {
  const { t, format } = useLanguage();
  const problemText = useProblemText();
  const [begun, ended] = [row.started_at, row.ended_at].map((at) => (at === undefined || at === null ? Number.NaN : Date.parse(at)));
  const length = ((ended ?? Number.NaN) - (begun ?? Number.NaN)) / 1000;
  const problem = row.problem === undefined || row.problem === null ? null : problemText(row.problem);
  const disk = row.disk === undefined || row.disk === null ? '' : [row.disk.model, row.disk.serial].filter(Boolean).join(' ');
  return (
    <tr>
      <td>
        <strong>{row.machine_label}</strong>
        {disk !== '' && <div className="amorce-quiet">{disk}</div>}
      </td>
      <td>{t(`job.state.${row.state}`)}</td>
      <td>{Number.isNaN(length) ? '–' : format.seconds(length)}</td>
      <td>
        {problem !== null && (
          <div>
            {problem.title} {problem.detail}
          </div>
        )}
        {row.results.map((result, index) => {
          const step = job.steps[index];
          return step === undefined || (step.kind !== 'capture' && step.kind !== 'restore') ? null : (
            <div key={index}>
              <ResultSummary step={step} result={result} />
            </div>
          );
        })}
      </td>
    </tr>
  );
}
