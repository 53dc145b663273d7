/** What a person may do with a machine's record: wake it, write about it, ban it, merge it, split it, take it away. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { ask } from '../../api/client';
import type { Machine, WakeSent } from '../../api/types';
import { useLanguage } from '../../language/language';
import { useProblemText } from '../../language/problem';
import { problemOf } from '../../api/client';
import { ActionMenu } from '../../layout/action-menu';
import { announce } from '../../layout/announcer';
import { BulkDialogue } from '../bulk-actions';
import { MergeMachine } from './merge-machine';
import { NoteMachine } from './note-machine';
import { SplitMachine } from './split-machine';

type Asking = 'note' | 'merge' | 'split' | 'ban' | 'admit' | 'delete' | null;

/** The menu beside the buttons; what came of waking is said in one sentence under it. */
export function RecordActions({ machine, onRename, onSaid }: { machine: Machine; onRename: () => void; onSaid: (words: string) => void }) {
  const { t } = useLanguage();
  const navigate = useNavigate();
  const client = useQueryClient();
  const problemText = useProblemText();
  const [asking, setAsking] = useState<Asking>(null);
  const say = (words: string) => {
    announce(words);
    onSaid(words);
  };
  const wake = useMutation({
    mutationFn: () => ask<WakeSent>(`/machines/${machine.id}/wake`, { method: 'POST' }),
    onSuccess: ({ packets }) => say(t('record.woken', { count: packets })),
    onError: (error) => say(problemText(problemOf(error)).title),
  });
  const close = () => setAsking(null);
  const closeVerb = () => {
    const gone = asking === 'delete';
    close();
    if (!gone) return;
    // Whether it is really gone, the appliance knows.
    client.removeQueries({ queryKey: ['machine', machine.id] });
    void ask(`/machines/${machine.id}`).catch(() => navigate('/machines', { replace: true }));
  };
  const labels = new Map([[machine.id, machine.label]]);
  return (
    <>
      <ActionMenu
        label={t('bulk.more')}
        actions={[
          { label: t('name.rename'), onClick: onRename },
          { label: t('record.note'), onClick: () => setAsking('note') },
          { label: t('bulk.wake'), onClick: () => wake.mutate() },
          { label: t('record.menu'), onClick: () => void navigate(`/menus?machine=${machine.id}`) },
          null,
          { label: t('record.merge'), about: t('record.merge-hint'), onClick: () => setAsking('merge') },
          { label: t('record.split'), about: t('record.split-hint'), isDisabled: machine.macs.length < 2, onClick: () => setAsking('split') },
          null,
          machine.quarantined
            ? { label: t('bulk.admit'), onClick: () => setAsking('admit') }
            : { label: t('bulk.ban'), isDanger: true, onClick: () => setAsking('ban') },
          { label: t('bulk.delete'), isDanger: true, onClick: () => setAsking('delete') },
        ]}
      />
      {asking === 'note' && <NoteMachine machine={machine} onClose={close} />}
      {asking === 'merge' && <MergeMachine machine={machine} onClose={close} />}
      {asking === 'split' && <SplitMachine machine={machine} onClose={close} />}
      {(asking === 'ban' || asking === 'admit' || asking === 'delete') && (
        <BulkDialogue verb={asking} ids={[machine.id]} labels={labels} onClose={closeVerb} />
      )}
    </>
  );
}
