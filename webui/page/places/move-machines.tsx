/** Moves machines into a place, or adds them to a group. */
import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask } from '../api/client';
import type { PlaceMembersOutcome } from '../api/types';
import { useLanguage } from '../language/language';
import { announce } from '../layout/announcer';
import { Problem } from '../layout/state';
import { PlaceSelect } from './place-select';

/** One question: where to. */
export function MoveMachines({ ids, onClose }: { ids: string[]; onClose: () => void }) {
  const { t } = useLanguage();
  const client = useQueryClient();
  const [machines] = useState(ids);
  const [place, setPlace] = useState('');
  const move = useMutation({
    mutationFn: () => ask<PlaceMembersOutcome>(`/places/${encodeURIComponent(place)}/machines`, { method: 'POST', body: { add: machines } }),
    onSuccess: ({ added }) => {
      for (const list of ['places', 'machines', 'machine-count', 'menu']) void client.invalidateQueries({ queryKey: [list] });
      announce(t('place.moved', { count: added }));
      onClose();
    },
  });
  return (
    <Modal variant="small" isOpen onClose={onClose} aria-labelledby="move-title">
      <ModalHeader labelId="move-title" title={t('place.move-title', { count: machines.length })} description={t('place.move-about')} />
      <ModalBody>
        {move.isError && <Problem error={move.error} />}
        <PlaceSelect value={place} all={t('place.choose')} onChange={setPlace} />
      </ModalBody>
      <ModalFooter>
        <Button variant="primary" isDisabled={place === '' || move.isPending} isLoading={move.isPending} onClick={() => move.mutate()}>
          {t('place.move-start')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('action.cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
