/** In one label: what a machine is doing. */
import { Label } from '@patternfly/react-core';
import { Link } from 'react-router';
import type { Machine } from '../api/types';
import { JobStateLabel } from '../jobs/job-state';
import { useLanguage } from '../language/language';
import { BanIcon, CheckCircleIcon, ExclamationTriangleIcon } from '../layout/icons';

/** Its job if it has one, else whether its agent is there, else what keeps it from starting. */
export function MachineStateLabel({ machine }: { machine: Machine }) {
  const { t } = useLanguage();
  if (machine.quarantined) {
    return (
      <Label color="red" icon={<BanIcon />}>
        {t('machine.quarantined')}
      </Label>
    );
  }
  if (machine.job !== undefined && machine.job !== null) {
    return (
      <span className="amorce-inline">
        <JobStateLabel state={machine.job.state} />
        <Link to={`/jobs/${machine.job.id}`}>{machine.job.title}</Link>
      </span>
    );
  }
  if (machine.connected) {
    return (
      <Label color="green" icon={<CheckCircleIcon />}>
        {t('machine.connected')}
      </Label>
    );
  }
  if (machine.nothing_bootable) {
    return (
      <Label color="orange" icon={<ExclamationTriangleIcon />}>
        {t('machine.nothing-bootable')}
      </Label>
    );
  }
  return <Label variant="outline">{t('machine.idle')}</Label>;
}
