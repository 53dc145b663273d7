/** Where a job or one of its machines stands, in a word, a colour and a shape. */
import { Label, type LabelProps } from '@patternfly/react-core';
import type { ComponentType } from 'react';
import type { JobState } from '../api/types';
import { useLanguage } from '../language/language';
import { BanIcon, CheckCircleIcon, ExclamationCircleIcon, ExclamationTriangleIcon, OutlinedClockIcon, SyncAltIcon } from '../layout/icons';

const LOOKS: Record<JobState, { color: LabelProps['color']; icon: ComponentType }> = {
  queued: { color: 'grey', icon: OutlinedClockIcon },
  waiting: { color: 'orange', icon: ExclamationTriangleIcon },
  running: { color: 'blue', icon: SyncAltIcon },
  done: { color: 'green', icon: CheckCircleIcon },
  failed: { color: 'red', icon: ExclamationCircleIcon },
  cancelled: { color: 'grey', icon: BanIcon },
};

/** The label of a state. */
export function JobStateLabel({ state }: { state: JobState }) {
  const { t } = useLanguage();
  const { color, icon: Icon } = LOOKS[state];
  return (
    <Label color={color} icon={<Icon />} variant={state === 'cancelled' ? 'outline' : 'filled'}>
      {t(`job.state.${state}`)}
    </Label>
  );
}

/** Whether nothing will happen any more. */
export function isFinal(state: JobState): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}
