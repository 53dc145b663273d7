/** Says, for people who do not look, when a machine of a job changes its state. Progress itself would be chatter. */
import { useCallback, useRef } from 'react';
import type { LiveEvent } from '../api/event-stream';
import { useLiveEvents } from '../api/live';
import type { JobMachine, JobState } from '../api/types';
import { useLanguage } from '../language/language';
import { announce } from '../layout/announcer';

/** Listens and speaks; draws nothing. */
export function JobAnnouncements() {
  const { t } = useLanguage();
  const states = useRef(new Map<string, JobState>());
  const hear = useCallback(
    (event: LiveEvent) => {
      if (event.kind !== 'job-machine') return;
      const row = event.data as JobMachine;
      const key = `${row.job} ${row.machine}`;
      const before = states.current.get(key);
      states.current.set(key, row.state);
      if (before === row.state) return;
      announce(t('job.announce', { name: row.machine_label, state: t(`job.state.${row.state}`) }));
    },
    [t],
  );
  useLiveEvents(hear);
  return null;
}
