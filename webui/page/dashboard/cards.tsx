/** The insides of the dashboard's cards, each with its own question. */
import { Alert } from '@patternfly/react-core';
import { useInfiniteQuery, useQueries, useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { auditQuery, machineCountQuery, mastersQuery, recentJobsQuery, serverQuery } from '../api/queries';
import type { Job } from '../api/types';
import { useAuditText } from '../activity/audit-text';
import { JobCountsBar } from '../jobs/job-counts';
import { isFinal, JobStateLabel } from '../jobs/job-state';
import { useLanguage } from '../language/language';
import { Share } from '../layout/measure';
import { Moment } from '../layout/moment';
import { Loading, Problem } from '../layout/state';
import { ServerWarnings } from '../settings/server-card';
import { jobsByDay } from './days';
import { JobsChart } from './jobs-chart';

const DAYS = 14;
const ROWS = 6;

function useRecentJobs() {
  return useQuery(recentJobsQuery);
}

/** What waits for a person. */
export function AttentionCard() {
  const { t } = useLanguage();
  const jobs = useRecentJobs();
  const server = useQuery(serverQuery);
  const unnamed = useQuery(machineCountQuery({ is: 'unnamed' }));
  const needy = (jobs.data?.items ?? []).filter((job) => job.counts.waiting > 0 || (job.counts.failed > 0 && !isFinal(job.state)));
  const count = unnamed.data ?? 0;
  if (jobs.isPending || server.isPending) return <Loading />;
  const isCalm = needy.length === 0 && count === 0 && (server.data?.warnings.length ?? 0) === 0;
  return (
    <div className="amorce-stack">
      <ServerWarnings />
      {needy.slice(0, ROWS).map((job) => (
        <Alert key={job.id} variant="warning" isInline isPlain component="h3" title={<Link to={`/jobs/${job.id}`}>{job.title}</Link>}>
          <JobCountsBar counts={job.counts} />
        </Alert>
      ))}
      {count > 0 && (
        <p>
          <Link to="/machines?is=unnamed">{t('dashboard.unnamed', { count })}</Link>
        </p>
      )}
      {isCalm && <p className="amorce-quiet">{t('dashboard.calm')}</p>}
    </div>
  );
}

/** Jobs that are not over. */
export function RunningCard() {
  const { t } = useLanguage();
  const jobs = useRecentJobs();
  if (jobs.isPending) return <Loading />;
  if (jobs.isError) return <Problem error={jobs.error} retry={() => void jobs.refetch()} />;
  const open = jobs.data.items.filter((job) => !isFinal(job.state));
  if (open.length === 0) return <p className="amorce-quiet">{t('dashboard.nothing-runs')}</p>;
  return (
    <ul className="amorce-lines">
      {open.slice(0, ROWS).map((job: Job) => (
        <li key={job.id}>
          <div className="amorce-line-head">
            <Link to={`/jobs/${job.id}`} className="amorce-strong">
              {job.title}
            </Link>
            <JobStateLabel state={job.state} />
          </div>
          <JobCountsBar counts={job.counts} />
        </li>
      ))}
    </ul>
  );
}

const COUNTED = ['connected', 'in-job', 'unnamed', 'nothing-bootable', 'quarantined'] as const;

/** How many machines, and of what kind. */
export function MachinesCard() {
  const { t } = useLanguage();
  const all = useQuery(machineCountQuery({}));
  const counts = useQueries({ queries: COUNTED.map((is) => machineCountQuery({ is })) });
  if (all.isPending) return <Loading />;
  if (all.isError) return <Problem error={all.error} retry={() => void all.refetch()} />;
  return (
    <>
      <p className="amorce-figure">
        <Link to="/machines">{t('machines.count', { count: all.data })}</Link>
      </p>
      <ul className="amorce-lines amorce-lines-close">
        {COUNTED.map((is, index) => {
          const count = counts[index]?.data ?? 0;
          return count === 0 ? null : (
            <li key={is} className="amorce-line-head">
              <Link to={`/machines?is=${is}`}>{t(`filter.is.${is}`)}</Link>
              <span className="amorce-strong">{count}</span>
            </li>
          );
        })}
      </ul>
    </>
  );
}

/** Two weeks of work. */
export function JobsCard() {
  const { t } = useLanguage();
  const jobs = useRecentJobs();
  const server = useQuery(serverQuery);
  if (jobs.isPending || server.isPending) return <Loading />;
  if (jobs.isError) return <Problem error={jobs.error} retry={() => void jobs.refetch()} />;
  const days = jobsByDay(jobs.data.items, server.data === undefined ? Number.NaN : Date.parse(server.data.now), DAYS);
  if (server.data === undefined || days.every((day) => day.done + day.failed + day.open + day.cancelled === 0)) return <p className="amorce-quiet">{t('dashboard.no-jobs')}</p>;
  return <JobsChart days={days} />;
}

/** Room on the data disk. */
export function SpaceCard() {
  const { t, format } = useLanguage();
  const server = useQuery(serverQuery);
  if (server.isPending) return <Loading />;
  if (server.isError) return <Problem error={server.error} retry={() => void server.refetch()} />;
  const { bytes_total: total, bytes_free: free } = server.data.data;
  if (total === 0) return <p>{t('server.room-unknown')}</p>;
  return (
    <>
      <p className="amorce-figure">{format.bytes(free)}</p>
      <p>{t('server.room-free', { free: format.bytes(free), total: format.bytes(total) })}</p>
      <div className="amorce-parts amorce-space" aria-hidden="true">
        <Share of={(total - free) / total} className="amorce-space-used" />
        <Share of={free / total} className="amorce-space-free" />
      </div>
    </>
  );
}

/** Masters, the newest first. */
export function MastersCard() {
  const { t, format } = useLanguage();
  const masters = useQuery(mastersQuery);
  if (masters.isPending) return <Loading />;
  if (masters.isError) return <Problem error={masters.error} retry={() => void masters.refetch()} />;
  const versions = masters.data.items.flatMap((master) => master.versions);
  if (versions.length === 0) return <p className="amorce-quiet">{t('masters.none')}</p>;
  const newest = versions.toSorted((left, right) => (right.created_at ?? '').localeCompare(left.created_at ?? ''));
  return (
    <>
      <p>{t('dashboard.masters-count', { masters: masters.data.items.length, versions: versions.length })}</p>
      <ul className="amorce-lines amorce-lines-close">
        {newest.slice(0, ROWS).map((version) => (
          <li key={`${version.name} ${version.version}`}>
            <Link to="/masters" className="amorce-strong">
              {version.name}
            </Link>{' '}
            <span className="amorce-quiet">
              {t('dashboard.version', { version: version.version })} · {format.bytes(version.bytes_used)} · <Moment at={version.created_at} />
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Who did what, lately. */
export function ActivityCard() {
  const { t } = useLanguage();
  const auditText = useAuditText();
  const audit = useInfiniteQuery(auditQuery({}));
  if (audit.isPending) return <Loading />;
  if (audit.isError) return <Problem error={audit.error} retry={() => void audit.refetch()} />;
  const entries = audit.data.pages[0]?.items ?? [];
  return (
    <>
      <ul className="amorce-lines amorce-lines-close">
        {entries.slice(0, ROWS).map((entry) => (
          <li key={entry.seq}>
            <span className="amorce-strong">{entry.actor}</span> {auditText(entry)}{' '}
            <span className="amorce-quiet">
              <Moment at={entry.at} />
            </span>
          </li>
        ))}
      </ul>
      <Link to="/activity">{t('dashboard.all-activity')}</Link>
    </>
  );
}
