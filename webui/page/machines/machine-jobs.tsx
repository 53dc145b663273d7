/** The jobs that a machine was in, newest first. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { Button, Content } from '@patternfly/react-core';
import { Link } from 'react-router';
import { jobsQuery } from '../api/queries';
import type { Machine } from '../api/types';
import { JobStateLabel } from '../jobs/job-state';
import { useLanguage } from '../language/language';
import { Moment } from '../layout/moment';
import { Loading, Problem } from '../layout/state';

/** One line per job. */
export function MachineJobs({ machine }: { machine: Machine }) {
  const { t } = useLanguage();
  const list = useInfiniteQuery(jobsQuery({ machine: machine.id }));
  if (list.isPending) return <Loading />;
  if (list.isError) return <Problem error={list.error} retry={() => void list.refetch()} />;
  const jobs = list.data.pages.flatMap((page) => page.items);
  if (jobs.length === 0) return <p className="amorce-quiet">{t('machine.no-jobs')}</p>;
  return (
    <>
      <ul className="amorce-lines">
        {jobs.map((job) => (
          <li key={job.id}>
            <Link to={`/jobs/${job.id}`} className="amorce-strong">
              {job.title}
            </Link>{' '}
            <JobStateLabel state={job.state} />{' '}
            <span className="amorce-quiet">
              {t('job.created', { name: job.created_by })} <Moment at={job.created_at} />
            </span>
          </li>
        ))}
      </ul>
      {list.hasNextPage && (
        <Content className="amorce-more">
          <Button variant="secondary" isLoading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {t('picker.more')}
          </Button>
        </Content>
      )}
    </>
  );
}
