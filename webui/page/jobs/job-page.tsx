/** One job: what it does, where each machine stands, what it brought. */
import { Alert, List, ListItem, PageSection, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useParams } from 'react-router';
import { jobQuery } from '../api/queries';
import { useLanguage } from '../language/language';
import { PageHeading } from '../layout/heading';
import { Moment } from '../layout/moment';
import { Loading, Problem } from '../layout/state';
import { JobActions } from './job-actions';
import { JobCountsBar } from './job-counts';
import { JobRows } from './job-rows';
import { JobStateLabel } from './job-state';
import { useStepText } from './step-text';

/** The page of one job. */
export function JobPage() {
  const { t } = useLanguage();
  const { id = '' } = useParams();
  const stepText = useStepText();
  const { data: detail, error, isError, refetch } = useQuery(jobQuery(id));
  const parent = { to: '/jobs', label: t('jobs.title') };
  if (detail === undefined) {
    return isError ? (
      <>
        <PageHeading title={t('job.title')} parent={parent} />
        <PageSection hasBodyWrapper={false}>
          <Problem error={error} retry={() => void refetch()} />
        </PageSection>
      </>
    ) : (
      <Loading />
    );
  }
  const { job } = detail;
  const asleep = job.counts.queued;
  return (
    <>
      <PageHeading
        title={job.title}
        parent={parent}
        labels={<JobStateLabel state={job.state} />}
        actions={<JobActions job={job} />}
        about={
          <>
            {t('job.created', { name: job.created_by })} <Moment at={job.created_at} />
          </>
        }
      />
      <PageSection hasBodyWrapper={false} isFilled>
        {asleep > 0 && (
          <Alert variant="info" isInline title={t('job.boot-them', { count: asleep })} className="amorce-alert">
            {t('job.boot-them-about')}
          </Alert>
        )}
        <JobCountsBar counts={job.counts} />
        <JobRows detail={detail} />
        <Title headingLevel="h2" size="md" className="amorce-section-title">
          {t('job.steps')}
        </Title>
        <List component="ol">
          {job.steps.map((step, index) => (
            <ListItem key={index}>{stepText(step)}</ListItem>
          ))}
        </List>
      </PageSection>
    </>
  );
}
