/** Sends a job, once: the same key goes with every attempt, so a lost answer never starts a second restore. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { useNavigate } from 'react-router';
import { ask } from '../api/client';
import { jobQuery } from '../api/queries';
import type { JobDetail, NewJob } from '../api/types';

/** A mutation that creates the job and opens its page. */
export function useCreateJob(onCreated: () => void) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const sent = useRef({ body: '', key: '' });
  return useMutation({
    mutationFn: (job: NewJob) => {
      const body = JSON.stringify(job);
      // Another wish is another job; the same wish again is the same one.
      if (sent.current.body !== body) sent.current = { body, key: newKey() };
      return ask<JobDetail>('/jobs', { method: 'POST', body: job, idempotencyKey: sent.current.key });
    },
    onSuccess: (detail) => {
      client.setQueryData(jobQuery(detail.job.id).queryKey, detail);
      void client.invalidateQueries({ queryKey: ['jobs'] });
      void client.invalidateQueries({ queryKey: ['machines'] });
      onCreated();
      void navigate(`/jobs/${detail.job.id}`, { replace: true });
    },
  });
}

/** 128 random bits in hexadecimal; `crypto.randomUUID` is missing where the page is not trusted. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
