/** The machines of a job, one row each, as they are this moment. */
import { Button, Content, List, ListItem } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { ask } from '../api/client';
import { jobQuery } from '../api/queries';
import type { Job, JobDetail, JobMachine, RetryRequest } from '../api/types';
import { useLanguage } from '../language/language';
import { useProblemText } from '../language/problem';
import { Problem } from '../layout/state';
import { ChooseDisk } from './choose-disk';
import { EvidenceView } from './evidence';
import { JobStateLabel } from './job-state';
import { JournalView } from './journal';
import { ResultSummary } from './result';
import { StepProgressBar } from './step-progress';
import { useStepText } from './step-text';
import { WaitReason } from './wait';

/** The rows; `limit` shows the first few where a whole room would be too much. */
export function JobRows({ detail, limit }: { detail: JobDetail; limit?: number }) {
  const { t } = useLanguage();
  const [evidence, setEvidence] = useState<JobMachine | null>(null);
  const [choosing, setChoosing] = useState<JobMachine | null>(null);
  const [reading, setReading] = useState<JobMachine | null>(null);
  const shown = limit === undefined ? detail.machines : orderByNeed(detail.machines).slice(0, limit);
  return (
    <>
      <Table aria-label={t('job.machines-of', { title: detail.job.title })} variant="compact" gridBreakPoint="grid-lg">
        <Thead>
          <Tr>
            <Th width={15}>{t('job.machine')}</Th>
            <Th width={15}>{t('job.state')}</Th>
            <Th width={50}>{t('job.progress')}</Th>
            <Th screenReaderText={t('machines.actions')} />
          </Tr>
        </Thead>
        <Tbody>
          {shown.map((row) => (
            <Tr key={row.machine}>
              <Td dataLabel={t('job.machine')}>
                <Link to={`/machines/${row.machine}`} className="amorce-strong">
                  {row.machine_label}
                </Link>
              </Td>
              <Td dataLabel={t('job.state')}>
                <div>
                  <JobStateLabel state={row.state} />
                </div>
              </Td>
              <Td dataLabel={t('job.progress')}>
                <RowDetail row={row} job={detail.job} />
              </Td>
              <Td className="amorce-actions">
                <RowActions row={row} onEvidence={setEvidence} onChoose={setChoosing} onJournal={limit === undefined ? setReading : null} />
              </Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      {shown.length < detail.machines.length && (
        <Content className="amorce-more">
          <Link to={`/jobs/${detail.job.id}`}>{t('job.all-machines', { count: detail.machines.length })}</Link>
        </Content>
      )}
      {evidence !== null && <EvidenceView row={evidence} onClose={() => setEvidence(null)} />}
      {reading !== null && <JournalView row={reading} job={detail.job} onClose={() => setReading(null)} />}
      {choosing !== null && <ChooseDisk row={choosing} job={detail.job} onClose={() => setChoosing(null)} />}
    </>
  );
}

const NEED = ['waiting', 'failed', 'running', 'queued', 'done', 'cancelled'];

/** Whoever needs a person comes first. */
function orderByNeed(rows: JobMachine[]): JobMachine[] {
  return [...rows].sort((left, right) => NEED.indexOf(left.state) - NEED.indexOf(right.state));
}

function RowDetail({ row, job }: { row: JobMachine; job: Job }) {
  const { t } = useLanguage();
  const stepText = useStepText();
  const problemText = useProblemText();
  const step = job.steps[row.step_index];
  const words = step === undefined ? '' : stepText(step);
  const place = t('job.step-of', { step: Math.min(row.step_index + 1, job.steps.length), count: job.steps.length });
  const problem = row.problem === undefined || row.problem === null ? null : problemText(row.problem);
  return (
    <div className="amorce-row-detail">
      {(row.state === 'running' || row.state === 'waiting') && words !== '' && (
        <div>
          {words} <span className="amorce-quiet amorce-whole">{place}</span>
        </div>
      )}
      {row.cancel_requested && row.state === 'running' && <div className="amorce-strong">{t('job.cancelling')}</div>}
      {row.state === 'running' && row.progress !== undefined && row.progress !== null && (
        <StepProgressBar progress={row.progress} step={`${row.machine_label}: ${words}`} />
      )}
      {problem === null && <WaitReason row={row} />}
      {problem !== null && (
        <div>
          <div className={row.state === 'failed' ? 'amorce-strong' : ''}>{problem.title}</div>
          {problem.detail !== '' && <div className="amorce-quiet">{problem.detail}</div>}
          {problem.remedy !== '' && <div>{t('problem.remedy', { remedy: problem.remedy })}</div>}
        </div>
      )}
      {row.state !== 'running' && row.results.length > 0 && (
        <List isPlain>
          {row.results.map((result, index) => {
            const done = job.steps[index];
            if (done === undefined || (done.kind !== 'capture' && done.kind !== 'restore')) return null;
            return (
              <ListItem key={index}>
                <ResultSummary step={done} result={result} />
              </ListItem>
            );
          })}
        </List>
      )}
    </div>
  );
}

interface RowActionsProps {
  row: JobMachine;
  onEvidence: (row: JobMachine) => void;
  onChoose: (row: JobMachine) => void;
  onJournal: ((row: JobMachine) => void) | null;
}

function RowActions({ row, onEvidence, onChoose, onJournal }: RowActionsProps) {
  const { t } = useLanguage();
  const client = useQueryClient();
  const retry = useMutation({
    mutationFn: () => {
      const body: RetryRequest = { machines: [row.machine] };
      return ask<JobDetail>(`/jobs/${row.job}/retry`, { method: 'POST', body });
    },
    onSuccess: (detail) => client.setQueryData(jobQuery(row.job).queryKey, detail),
  });
  const choice = row.choice !== undefined && row.choice !== null;
  return (
    <span className="amorce-buttons">
      {row.state === 'waiting' && choice && (
        <Button size="sm" variant="primary" onClick={() => onChoose(row)} aria-label={t('choose.button-for', { name: row.machine_label })}>
          {t('choose.button')}
        </Button>
      )}
      {((row.state === 'waiting' && !choice) || row.state === 'failed') && (
        <Button
          size="sm"
          variant="secondary"
          isLoading={retry.isPending}
          onClick={() => retry.mutate()}
          aria-label={t('job.retry-for', { name: row.machine_label })}
        >
          {t('job.retry')}
        </Button>
      )}
      {row.has_evidence && (
        <Button size="sm" variant="link" onClick={() => onEvidence(row)} aria-label={t('evidence.button-for', { name: row.machine_label })}>
          {t('evidence.button')}
        </Button>
      )}
      {onJournal !== null && (
        <Button size="sm" variant="link" onClick={() => onJournal(row)} aria-label={t('journal.button-for', { name: row.machine_label })}>
          {t('journal.button')}
        </Button>
      )}
      {retry.isError && <Problem error={retry.error} />}
    </span>
  );
}
