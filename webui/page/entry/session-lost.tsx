/** A session that ended while somebody worked: they log in again over their work, and nothing they typed is lost. */
import { Modal, ModalBody, ModalHeader } from '@patternfly/react-core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { onSessionLost } from '../api/client';
import { sessionQuery } from '../api/queries';
import { useLanguage } from '../language/language';
import { LogInForm } from './log-in';

/** Listens for answers that say so. */
export function SessionLost() {
  const { t } = useLanguage();
  const client = useQueryClient();
  const { data: session } = useQuery(sessionQuery);
  const [lost, setLost] = useState(false);
  useEffect(() => onSessionLost(() => setLost(true)), []);
  return (
    <Modal variant="small" isOpen={lost} aria-labelledby="session-lost-title">
      <ModalHeader title={t('session.lost')} description={t('session.lost-about')} labelId="session-lost-title" />
      <ModalBody>
        <LogInForm
          name={session?.name}
          onDone={(next) => {
            // Somebody else at the same desk: their rights differ, so nothing of before is kept.
            if (session !== undefined && session.user !== next.user) window.location.assign('/machines');
            client.setQueryData(sessionQuery.queryKey, next);
            setLost(false);
            void client.invalidateQueries({ predicate: (query) => query.state.status === 'error' || query.isActive() });
          }}
        />
      </ModalBody>
    </Modal>
  );
}
