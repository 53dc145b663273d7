/** One record that is two machines. */
import { Alert, Button, Checkbox, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { ask } from '../../api/client';
import type { Machine } from '../../api/types';
import { useLanguage } from '../../language/language';
import { Problem } from '../../layout/state';

/** Chooses the adapters of the machine that gets a record of its own. */
export function SplitMachine({ machine, onClose }: { machine: Machine; onClose: () => void }) {
  const { t } = useLanguage();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [macs, setMacs] = useState<readonly string[]>([]);
  const split = useMutation({
    mutationFn: () => ask<Machine>(`/machines/${machine.id}/split`, { method: 'POST', body: { macs }, revision: machine.revision }),
    onSuccess: (fresh) => {
      void client.invalidateQueries({ queryKey: ['machines'] });
      void client.invalidateQueries({ queryKey: ['machine', machine.id] });
      onClose();
      void navigate(`/machines/${fresh.id}`);
    },
  });
  return (
    <Modal variant="small" isOpen onClose={onClose} aria-labelledby="split-title">
      <ModalHeader labelId="split-title" title={t('record.split-title', { name: machine.label })} description={t('record.split-about')} />
      <ModalBody>
        {split.isError && <Problem error={split.error} />}
        <div role="group" aria-labelledby="split-title" className="amorce-radios">
          {machine.macs.map((mac) => (
            <Checkbox
              key={mac}
              id={`split-${mac}`}
              label={<span className="amorce-code">{mac}</span>}
              isChecked={macs.includes(mac)}
              onChange={(_, checked) => setMacs(checked ? [...macs, mac] : macs.filter((each) => each !== mac))}
            />
          ))}
        </div>
        {macs.length === machine.macs.length && <Alert variant="info" isInline isPlain title={t('record.split-keep')} />}
      </ModalBody>
      <ModalFooter>
        <Button
          variant="primary"
          isDisabled={macs.length === 0 || macs.length === machine.macs.length || split.isPending}
          isLoading={split.isPending}
          onClick={() => split.mutate()}
        >
          {t('record.split-start')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('action.cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
