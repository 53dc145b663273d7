/** What can be done with a job: take it back, or try again what failed. */
import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask } from '../api/client';
import { applyEvent } from '../api/patch';
import { jobQuery } from '../api/queries';
import type { Job, JobDetail } from '../api/types';
import { useLanguage } from '../language/language';
import { Problem } from '../layout/state';
import { isFinal } from './job-state';

/** The buttons that apply at this moment. */
export function JobActions({ job }: { job: Job }) {
  const { t } = useLanguage();
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const show = (detail: JobDetail) => {
    client.setQueryData(jobQuery(job.id).queryKey, detail);
    applyEvent(client, { id: '', kind: 'job', data: detail.job });
  };
  const cancel = useMutation({
    mutationFn: () => ask<JobDetail>(`/jobs/${job.id}/cancel`, { method: 'POST' }),
    onSuccess: (detail) => {
      show(detail);
      setAsking(false);
    },
  });
  const retry = useMutation({
    mutationFn: () => ask<JobDetail>(`/jobs/${job.id}/retry`, { method: 'POST' }),
    onSuccess: show,
  });
  const writes = job.steps.some((step) => step.kind === 'restore');
  return (
    <span className="amorce-buttons">
      {job.counts.failed > 0 && (
        <Button variant="primary" isLoading={retry.isPending} isDisabled={retry.isPending} onClick={() => retry.mutate()}>
          {t('job.retry-failed', { count: job.counts.failed })}
        </Button>
      )}
      {!isFinal(job.state) && (
        <Button variant="secondary" isDanger onClick={() => setAsking(true)}>
          {t('job.cancel')}
        </Button>
      )}
      {retry.isError && <Problem error={retry.error} />}
      {asking && (
        <Modal variant="small" isOpen onClose={() => setAsking(false)} aria-labelledby="cancel-title">
          <ModalHeader labelId="cancel-title" title={t('job.cancel-title', { title: job.title })} titleIconVariant="warning" />
          <ModalBody>
            {cancel.isError && <Problem error={cancel.error} />}
            <p>{t('job.cancel-about')}</p>
            {writes && job.counts.running > 0 && (
              <Alert variant="warning" isInline isPlain title={t('job.cancel-writes', { count: job.counts.running })} />
            )}
          </ModalBody>
          <ModalFooter>
            <Button variant="danger" isLoading={cancel.isPending} isDisabled={cancel.isPending} onClick={() => cancel.mutate()}>
              {t('job.cancel')}
            </Button>
            <Button variant="link" onClick={() => setAsking(false)}>
              {t('job.keep')}
            </Button>
          </ModalFooter>
        </Modal>
      )}
    </span>
  );
}
