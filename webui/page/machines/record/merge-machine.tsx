/** Two records that are one machine. */
import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask } from '../../api/client';
import { applyEvent } from '../../api/patch';
import type { Machine } from '../../api/types';
import { MachinePicker } from '../../flows/machine-picker';
import { useLanguage } from '../../language/language';
import { announce } from '../../layout/announcer';
import { Problem } from '../../layout/state';
import { machineModel } from '../machine-text';

/** Chooses the record that goes, shows both, and asks for a yes. */
export function MergeMachine({ machine, onClose }: { machine: Machine; onClose: () => void }) {
  const { t } = useLanguage();
  const client = useQueryClient();
  const [other, setOther] = useState<Machine | null>(null);
  const merge = useMutation({
    mutationFn: (gone: Machine) => ask<Machine>(`/machines/${machine.id}/merge`, { method: 'POST', body: { other: gone.id }, revision: machine.revision }),
    onSuccess: (merged) => {
      applyEvent(client, { id: '', kind: 'machine', data: merged });
      void client.invalidateQueries({ queryKey: ['machines'] });
      announce(t('record.merged', { name: merged.label }));
      onClose();
    },
  });
  return (
    <Modal variant="medium" isOpen onClose={onClose} aria-labelledby="merge-title">
      <ModalHeader labelId="merge-title" title={t('record.merge-title', { name: machine.label })} description={t('record.merge-about')} />
      <ModalBody>
        {merge.isError && <Problem error={merge.error} />}
        {other === null ? (
          <MachinePicker taken={[machine.id]} onTake={setOther} />
        ) : (
          <>
            <dl className="amorce-pair">
              <RecordLine title={t('record.stays')} machine={machine} />
              <RecordLine title={t('record.goes')} machine={other} />
            </dl>
            <Alert variant="warning" isInline title={t('record.merge-warning', { name: other.label })} />
          </>
        )}
      </ModalBody>
      <ModalFooter>
        <Button variant="primary" isDisabled={other === null || merge.isPending} isLoading={merge.isPending} onClick={() => other !== null && merge.mutate(other)}>
          {t('record.merge-start')}
        </Button>
        {other !== null && (
          <Button variant="secondary" onClick={() => setOther(null)}>
            {t('record.merge-other')}
          </Button>
        )}
        <Button variant="link" onClick={onClose}>
          {t('action.cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}

function RecordLine({ title, machine }: { title: string; machine: Machine }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>
        <span className="amorce-strong">{machine.label}</span>
        <div className="amorce-quiet">{machineModel(machine)}</div>
        <div className="amorce-code">{machine.macs.join(' ')}</div>
        <div className="amorce-code">{machine.facts.smbios.serial}</div>
      </dd>
    </div>
  );
}
