/** How far a running step has come: honest, and smooth where the appliance speaks twice a second. */
import { Progress, ProgressMeasureLocation } from '@patternfly/react-core';
import type { Progress as StepProgress } from '../api/types';
import { useLanguage } from '../language/language';

/** Phases that the agent names and the page has words for. */
const PHASES = ['reading', 'rescuing', 'sending', 'comparing', 'fetching', 'writing', 'checking'] as const;

/** The bar and, under it, share, rate and rest; of a restore also what it will do. */
export function StepProgressBar({ progress, step }: { progress: StepProgress; step: string }) {
  const { t, format } = useLanguage();
  const known = progress.bytes_total > 0;
  const share = known ? Math.min(progress.bytes_done / progress.bytes_total, 1) : 0;
  const phase = PHASES.find((each) => each === progress.phase);
  const words = [
    phase === undefined ? '' : t(`phase.${phase}`),
    known ? format.percent(share) : format.bytes(progress.bytes_done),
    progress.bytes_per_second > 0 ? format.rate(progress.bytes_per_second) : '',
    progress.seconds_left !== undefined && progress.seconds_left !== null && share < 1
      ? t('progress.left', { time: format.seconds(progress.seconds_left) })
      : '',
  ].filter((word) => word !== '');
  const estimate = progress.estimate;
  return (
    <div className="amorce-progress">
      <Progress
        value={Math.floor(share * 100)}
        measureLocation={ProgressMeasureLocation.none}
        size="sm"
        aria-label={step}
        valueText={words.join(', ')}
      />
      <div className="amorce-quiet">{words.join(' · ')}</div>
      {estimate !== undefined && estimate !== null && (
        <div className="amorce-quiet">
          {t('progress.estimate', {
            written: format.bytes(estimate.bytes_written),
            used: format.bytes(estimate.bytes_used),
            wire: format.bytes(estimate.bytes_fetched),
          })}
        </div>
      )}
    </div>
  );
}
