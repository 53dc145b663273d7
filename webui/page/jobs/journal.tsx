/** What became of a machine in a job, line by line. */
import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { journalQuery } from '../api/queries';
import type { Job, JobMachine } from '../api/types';
import { useLanguage } from '../language/language';
import { useProblemText } from '../language/problem';
import { Loading, Problem } from '../layout/state';
import { useStepText } from './step-text';

/** A dialogue with a line of time. */
export function JournalView({ row, job, onClose }: { row: JobMachine; job: Job; onClose: () => void }) {
  const { t, format, known } = useLanguage();
  const stepText = useStepText();
  const problemText = useProblemText();
  const journal = useQuery(journalQuery(row.job, row.machine));
  const word = (kind: string) => {
    const key = `journal.kind.${kind}`;
    return known(key) ? t(key as 'journal.kind.created') : kind;
  };
  return (
    <Modal variant="medium" isOpen onClose={onClose} aria-labelledby="journal-title">
      <ModalHeader labelId="journal-title" title={t('journal.title', { name: row.machine_label })} description={job.title} />
      <ModalBody tabIndex={0} aria-label={t('journal.title', { name: row.machine_label })}>
        {journal.isPending && <Loading />}
        {journal.isError && <Problem error={journal.error} retry={() => void journal.refetch()} />}
        {journal.isSuccess && (
          <ol className="amorce-timeline amorce-history">
            {journal.data.items.map((event, index) => {
              const step = event.step_index === undefined || event.step_index === null ? undefined : job.steps[event.step_index];
              const problem = event.problem === undefined || event.problem === null ? null : problemText(event.problem);
              return (
                <li key={index}>
                  <time dateTime={event.at} className="amorce-timeline-at">
                    {format.moment(Date.parse(event.at))}
                  </time>
                  <div>
                    <span className="amorce-strong">{word(event.kind)}</span>
                    {step !== undefined && <span> {stepText(step)}</span>}
                    {event.disk !== undefined && event.disk !== null && (
                      <div className="amorce-quiet">{[event.disk.model, event.disk.serial, format.bytes(event.disk.size)].filter(Boolean).join(' · ')}</div>
                    )}
                    {problem !== null && (
                      <div>
                        {problem.title} <span className="amorce-quiet">{problem.detail}</span>
                      </div>
                    )}
                  </div>
                </li>
              );
            })}
          </ol>
        )}
      </ModalBody>
      <ModalFooter>
        <Button variant="primary" onClick={onClose}>
          {t('action.close')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
