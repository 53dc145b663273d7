/** What a finished step brought, in a line that a person can check. */
import type { Step, StepResult } from '../api/types';
import { useLanguage } from '../language/language';

/** Figures and notes of a capture or a restore. */
export function ResultSummary({ step, result }: { step: Step; result: StepResult }) {
  const { t, format } = useLanguage();
  const figures =
    step.kind === 'capture'
      ? t('result.capture', {
          version: result.version ?? 0,
          used: format.bytes(result.bytes_used),
          fresh: format.bytes(result.bytes_new),
          stored: format.bytes(result.bytes_stored),
          time: format.seconds(result.seconds),
        })
      : t('result.restore', {
          written: format.bytes(result.bytes_written),
          used: format.bytes(result.bytes_used),
          received: format.bytes(result.bytes_sent),
          time: format.seconds(result.seconds),
        });
  return (
    <>
      <span>{figures}</span>
      {result.notes.map((note) => (
        <div key={note} className="amorce-quiet">
          {note}
        </div>
      ))}
    </>
  );
}
