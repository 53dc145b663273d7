/** What a person writes about a machine. */
import { Button, Form, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextArea } from '@patternfly/react-core';
import { type FormEvent, useState } from 'react';
import type { Machine } from '../../api/types';
import { useLanguage } from '../../language/language';
import { announce } from '../../layout/announcer';
import { ChangeTrouble, useMachineChange } from './change-machine';

const NOTE_MAX = 500;

/** A dialogue with one larger field. */
export function NoteMachine({ machine, onClose }: { machine: Machine; onClose: () => void }) {
  const { t } = useLanguage();
  const [note, setNote] = useState(machine.note);
  const { change, seen, hasConflict } = useMachineChange(machine, () => {
    announce(t('record.note-done'));
    onClose();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate({ note: note.trim() });
  };
  return (
    <Modal variant="small" isOpen onClose={onClose} aria-labelledby="note-title">
      <ModalHeader labelId="note-title" title={t('record.note-title', { name: machine.label })} />
      <ModalBody>
        <Form id="note-form" onSubmit={submit}>
          <ChangeTrouble error={change.error} seen={seen} hasConflict={hasConflict} />
          <FormGroup label={t('record.note')} fieldId="note-field">
            <TextArea id="note-field" value={note} maxLength={NOTE_MAX} rows={5} autoFocus onChange={(_, value) => setNote(value)} />
          </FormGroup>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="note-form" isLoading={change.isPending} isDisabled={change.isPending}>
          {t('action.save')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('action.cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
