/** Changes a record, and says so when somebody else did it first. */
import { Alert } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, ask } from '../../api/client';
import { applyEvent } from '../../api/patch';
import { machineQuery } from '../../api/queries';
import type { Machine, MachineChange } from '../../api/types';
import { useLanguage } from '../../language/language';
import { Problem } from '../../layout/state';

/** A change of what was looked at. After a conflict the next attempt is a change of what is there now, and only then. */
export function useMachineChange(machine: Machine, onChanged: (changed: Machine) => void) {
  const client = useQueryClient();
  const [seen, setSeen] = useState(machine);
  const [hasConflict, setConflict] = useState(false);
  const change = useMutation({
    mutationFn: (body: MachineChange) => ask<Machine>(`/machines/${machine.id}`, { method: 'PATCH', body, revision: seen.revision }),
    onSuccess: (changed) => {
      applyEvent(client, { id: '', kind: 'machine', data: changed });
      onChanged(changed);
    },
    onError: async (error) => {
      if (!(error instanceof ApiError) || error.status !== 412) return;
      setSeen(await client.fetchQuery({ ...machineQuery(machine.id), staleTime: 0 }));
      setConflict(true);
    },
  });
  return { change, seen, hasConflict };
}

/** What came of an attempt: the conflict in plain words, or whatever else went wrong. */
export function ChangeTrouble({ error, seen, hasConflict }: { error: unknown; seen: Machine; hasConflict: boolean }) {
  const { t } = useLanguage();
  if (error === null) return null;
  if (!hasConflict) return <Problem error={error} />;
  return (
    <Alert variant="warning" isInline title={t('conflict.title')}>
      <p>{t('conflict.now', { name: seen.label, note: seen.note === '' ? '–' : seen.note })}</p>
      <p>{t('conflict.about')}</p>
    </Alert>
  );
}
