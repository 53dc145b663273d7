/** Every job: what runs now with its machines, and what was. */
import { Button, Card, CardBody, CardHeader, CardTitle, Content, FormSelect, FormSelectOption, PageSection, Title } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { Link, useNavigate } from 'react-router';
import { jobQuery, jobsQuery } from '../api/queries';
import type { Job } from '../api/types';
import { useLanguage } from '../language/language';
import { useAddressWords } from '../layout/address-words';
import { PageHeading } from '../layout/heading';
import { TasksIcon } from '../layout/icons';
import { Moment } from '../layout/moment';
import { Loading, Nothing, Problem } from '../layout/state';
import { JobActions } from './job-actions';
import { JobCountsBar } from './job-counts';
import { JobRows } from './job-rows';
import { isFinal, JobStateLabel } from './job-state';

/** Machines shown per running job; the job's own page shows all. */
const ROWS_PER_JOB = 6;

const STATES = ['running', 'waiting', 'queued', 'failed', 'cancelled', 'done'] as const;

/** The list of jobs. */
export function JobsPage() {
  const { t } = useLanguage();
  const navigate = useNavigate();
  const { words, change } = useAddressWords();
  const filters = { state: STATES.find((each) => each === words.get('state')) ?? '', whose: words.get('whose') === 'mine' ? 'mine' : '' };
  const isNarrowed = filters.state !== '' || filters.whose !== '';
  const list = useInfiniteQuery({ ...jobsQuery(filters), placeholderData: keepPreviousData });
  const set = (name: 'state' | 'whose', value: string) => change({ [name]: value });
  const jobs = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? [], [list.data]);
  const total = list.data?.pages[0]?.total ?? 0;
  const active = jobs.filter((job) => !isFinal(job.state));
  const over = jobs.filter((job) => isFinal(job.state));
  return (
    <>
      <PageHeading title={t('jobs.title')} about={t('jobs.about')} />
      <PageSection hasBodyWrapper={false} isFilled>
        {(isNarrowed || jobs.length > 0) && (
          <div className="amorce-bar">
            <div className="amorce-filters" role="group" aria-label={t('filter.label')}>
              <FormSelect aria-label={t('job.state')} value={filters.state} onChange={(_, value) => set('state', value)}>
                <FormSelectOption value="" label={t('jobs.any-state')} />
                {STATES.map((state) => (
                  <FormSelectOption key={state} value={state} label={t(`job.state.${state}`)} />
                ))}
              </FormSelect>
              <FormSelect aria-label={t('jobs.whose')} value={filters.whose} onChange={(_, value) => set('whose', value)}>
                <FormSelectOption value="" label={t('jobs.everybodys')} />
                <FormSelectOption value="mine" label={t('jobs.mine')} />
              </FormSelect>
            </div>
            <span className="amorce-count" role="status">
              {t('jobs.count', { count: total })}
            </span>
          </div>
        )}
        {list.isSuccess && jobs.length === 0 && isNarrowed && <p className="amorce-quiet">{t('jobs.none-narrowed')}</p>}
        {list.isPending && <Loading />}
        {list.isError && <Problem error={list.error} retry={() => void list.refetch()} />}
        {list.isSuccess && jobs.length === 0 && !isNarrowed && (
          <Nothing
            title={t('jobs.none')}
            icon={TasksIcon}
            actions={
              <Button variant="primary" onClick={() => void navigate('/machines')}>
                {t('jobs.choose-machines')}
              </Button>
            }
          >
            {t('jobs.none-about')}
          </Nothing>
        )}
        {active.map((job) => (
          <ActiveJob key={job.id} job={job} />
        ))}
        {over.length > 0 && (
          <>
            <Title headingLevel="h2" size="lg" className="amorce-section-title">
              {t('jobs.over')}
            </Title>
            <Table aria-label={t('jobs.over')} variant="compact" gridBreakPoint="grid-lg">
              <Thead>
                <Tr>
                  <Th width={40}>{t('jobs.job')}</Th>
                  <Th>{t('job.state')}</Th>
                  <Th>{t('jobs.machines')}</Th>
                  <Th>{t('jobs.by')}</Th>
                  <Th>{t('jobs.when')}</Th>
                </Tr>
              </Thead>
              <Tbody>
                {over.map((job) => (
                  <Tr key={job.id}>
                    <Td dataLabel={t('jobs.job')}>
                      <Link to={`/jobs/${job.id}`} className="amorce-strong">
                        {job.title}
                      </Link>
                    </Td>
                    <Td dataLabel={t('job.state')}>
                      <div>
                        <JobStateLabel state={job.state} />
                      </div>
                    </Td>
                    <Td dataLabel={t('jobs.machines')}>
                      {job.counts.total < 2 ? t('machines.count', { count: job.counts.total }) : <JobCountsBar counts={job.counts} />}
                    </Td>
                    <Td dataLabel={t('jobs.by')}>{job.created_by}</Td>
                    <Td dataLabel={t('jobs.when')}>
                      <Moment at={job.created_at} />
                    </Td>
                  </Tr>
                ))}
              </Tbody>
            </Table>
          </>
        )}
        {list.hasNextPage && (
          <Content className="amorce-more">
            <Button variant="secondary" isLoading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
              {t('action.more', { shown: jobs.length, total })}
            </Button>
          </Content>
        )}
      </PageSection>
    </>
  );
}

function ActiveJob({ job }: { job: Job }) {
  const detail = useQuery(jobQuery(job.id));
  return (
    <Card className="amorce-job" isCompact>
      <CardHeader actions={{ actions: <JobActions job={job} />, hasNoOffset: true }}>
        <CardTitle component="h2">
          <Link to={`/jobs/${job.id}`}>{job.title}</Link> <JobStateLabel state={job.state} />
        </CardTitle>
      </CardHeader>
      <CardBody>
        <JobCountsBar counts={job.counts} />
        {detail.isError && <Problem error={detail.error} retry={() => void detail.refetch()} />}
        {detail.data !== undefined && <JobRows detail={detail.data} limit={ROWS_PER_JOB} />}
      </CardBody>
    </Card>
  );
}
