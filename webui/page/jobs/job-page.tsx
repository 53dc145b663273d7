/** One job: what it does, where each machine stands, what it brought. */
import { Alert, Button, List, ListItem, PageSection, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { jobQuery } from '../api/queries';
import { useLanguage } from '../language/language';
import { PageHeading } from '../layout/heading';
import { PrintIcon } from '../layout/icons';
import { Moment } from '../layout/moment';
import { Loading, Problem } from '../layout/state';
import { JobActions } from './job-actions';
import { JobCountsBar } from './job-counts';
import { JobRows } from './job-rows';
import { JobStateLabel } from './job-state';
import { RoomMap } from './room-map';
import { useStepText } from './step-text';
import { isAbsent } from './wait';

const STATES = ['waiting', 'failed', 'running', 'queued', 'done', 'cancelled'] as const;

/** The page of one job. */
export function JobPage() {
  const { t, format } = useLanguage();
  const { id = '' } = useParams();
  const navigate = useNavigate();
  const [words, setWords] = useSearchParams();
  const state = STATES.find((each) => each === words.get('state')) ?? '';
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
  const asleep = detail.machines.filter(isAbsent).length;
  const begins = job.schedule.not_before;
  return (
    <>
      <PageHeading
        title={job.title}
        parent={parent}
        labels={<JobStateLabel state={job.state} />}
        actions={
          <span className="amorce-buttons">
            <JobActions job={job} />
            <Button variant="secondary" icon={<PrintIcon />} onClick={() => void navigate(`/jobs/${job.id}/report`)}>
              {t('report.open')}
            </Button>
          </span>
        }
        about={
          <>
            {t('job.created', { name: job.created_by })} <Moment at={job.created_at} />
            {begins !== undefined && begins !== null && <> · {t('job.begins', { moment: format.moment(Date.parse(begins)) })}</>}
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
        <RoomMap rows={detail.machines} chosen={state} onChoose={(row) => void navigate(`/machines/${row.machine}`)} />
        {detail.machines.length > 3 && (
          <div className="amorce-states" role="group" aria-label={t('room.narrow')}>
            {(['', ...STATES] as const).map((each) => {
              const count = each === '' ? job.counts.total : job.counts[each];
              return count === 0 ? null : (
                <Button
                  key={each}
                  size="sm"
                  variant={state === each ? 'primary' : 'secondary'}
                  aria-pressed={state === each}
                  onClick={() => setWords(each === '' ? {} : { state: each }, { replace: true })}
                >
                  {each === '' ? t('room.all', { count }) : t(`job.count.${each}`, { count })}
                </Button>
              );
            })}
          </div>
        )}
        <JobRows detail={state === '' ? detail : { ...detail, machines: detail.machines.filter((row) => row.state === state) }} />
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
