/** Giving a machine its name. */
import { Button, Form, FormGroup, FormHelperText, HelperText, HelperTextItem, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { type FormEvent, useState } from 'react';
import type { Machine } from '../api/types';
import { useLanguage } from '../language/language';
import { announce } from '../layout/announcer';
import { isUnnamed, machineModel } from './machine-text';
import { ChangeTrouble, useMachineChange } from './record/change-machine';

/** A dialogue with one field. */
export function NameMachine({ machine, onClose }: { machine: Machine; onClose: () => void }) {
  const { t } = useLanguage();
  const [name, setName] = useState(machine.name ?? '');
  const { change, seen, hasConflict } = useMachineChange(machine, (changed) => {
    announce(t('name.done', { name: changed.label }));
    onClose();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate({ name: name.trim() });
  };
  return (
    <Modal variant="small" isOpen onClose={onClose} aria-labelledby="name-title">
      <ModalHeader
        labelId="name-title"
        title={isUnnamed(machine) ? t('name.title') : t('name.title-again', { name: machine.label })}
        description={[machineModel(machine), ...machine.macs].filter((word) => word !== '').join(' · ')}
      />
      <ModalBody>
        <Form id="name-form" onSubmit={submit}>
          <ChangeTrouble error={change.error} seen={seen} hasConflict={hasConflict} />
          <FormGroup label={t('name.field')} fieldId="name-field">
            <TextInput
              id="name-field"
              value={name}
              onChange={(_, value) => setName(value)}
              maxLength={100}
              autoFocus
              autoComplete="off"
              aria-describedby="name-help"
            />
            <FormHelperText>
              <HelperText id="name-help">
                <HelperTextItem>{t('name.help')}</HelperTextItem>
              </HelperText>
            </FormHelperText>
          </FormGroup>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="name-form" isLoading={change.isPending} isDisabled={change.isPending}>
          {t('action.save')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('action.cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
