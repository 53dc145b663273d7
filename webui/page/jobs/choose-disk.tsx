/** A machine has several disks and a person says which one. */
import { Button, Modal, ModalBody, ModalFooter, ModalHeader, Radio } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask } from '../api/client';
import { applyEvent } from '../api/patch';
import type { DiskRequest, Job, JobMachine } from '../api/types';
import { useLanguage } from '../language/language';
import { Problem } from '../layout/state';
import { Disk } from '../machines/disk-picture';
import { diskKey } from '../machines/machine-text';

/** The disks with their pictures; nothing is chosen in advance. */
export function ChooseDisk({ row, job, onClose }: { row: JobMachine; job: Job; onClose: () => void }) {
  const { t, format } = useLanguage();
  const client = useQueryClient();
  const [key, setKey] = useState('');
  const disks = row.choice?.disks ?? [];
  const disk = disks.find((candidate) => diskKey(candidate) === key);
  const erases = job.steps[row.step_index]?.kind === 'restore';
  const choose = useMutation({
    mutationFn: (body: DiskRequest) => ask<JobMachine>(`/jobs/${row.job}/machines/${row.machine}/disk`, { method: 'POST', body }),
    onSuccess: (changed) => {
      applyEvent(client, { id: '', kind: 'job-machine', data: changed });
      onClose();
    },
  });
  return (
    <Modal variant="medium" isOpen onClose={onClose} aria-labelledby="choose-title">
      <ModalHeader
        labelId="choose-title"
        title={t('choose.title', { name: row.machine_label })}
        description={erases ? t('choose.erases') : t('choose.reads')}
      />
      <ModalBody>
        {choose.isError && <Problem error={choose.error} />}
        <div role="radiogroup" aria-labelledby="choose-title" className="amorce-radios">
          {disks.map((candidate) => (
            <Radio
              key={diskKey(candidate)}
              id={`choose-${candidate.name}`}
              name="choose-disk"
              isChecked={diskKey(candidate) === key}
              onChange={() => setKey(diskKey(candidate))}
              label={`${candidate.name} · ${format.bytes(candidate.identity.size)}`}
              body={<Disk disk={candidate} />}
            />
          ))}
        </div>
      </ModalBody>
      <ModalFooter>
        <Button
          variant={erases ? 'danger' : 'primary'}
          isDisabled={disk === undefined || choose.isPending}
          isLoading={choose.isPending}
          onClick={() => disk !== undefined && choose.mutate({ disk: disk.identity })}
        >
          {disk === undefined ? t('choose.none') : erases ? t('choose.confirm-erase', { name: disk.name }) : t('choose.confirm', { name: disk.name })}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('action.cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
