/** What can be done with the machines that were chosen. */
import { Alert, Button, List, ListItem, Modal, ModalBody, ModalFooter, ModalHeader, Progress } from '@patternfly/react-core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { ask } from '../api/client';
import type { Machine } from '../api/types';
import { useLanguage } from '../language/language';
import { useProblemText } from '../language/problem';
import { ActionMenu } from '../layout/action-menu';
import { MoveMachines } from '../places/move-machines';
import { useBulk } from './bulk';
import { NameByPattern } from './name-by-pattern';

const VERBS = {
  wake: (id: string) => ask(`/machines/${id}/wake`, { method: 'POST' }),
  ban: (id: string) => ask(`/machines/${id}`, { method: 'PATCH', body: { quarantined: true } }),
  admit: (id: string) => ask(`/machines/${id}`, { method: 'PATCH', body: { quarantined: false } }),
  delete: (id: string) => ask(`/machines/${id}`, { method: 'DELETE' }),
} as const;

/** An action that needs no more than a yes. */
export type BulkVerb = keyof typeof VERBS;

interface Props {
  chosen: ReadonlySet<string>;
  /** What is shown: names for those that are chosen and seen. */
  machines: Machine[];
}

/** The buttons over the list. */
export function BulkActions({ chosen, machines }: Props) {
  const { t } = useLanguage();
  const navigate = useNavigate();
  const [asking, setAsking] = useState<BulkVerb | 'name' | 'move' | null>(null);
  const ids = [...chosen];
  const verb = (name: BulkVerb) => ({
    label: t(`bulk.${name}`),
    isDanger: name === 'delete',
    onClick: () => setAsking(name),
  });
  return (
    <>
      <Button variant="primary" isDisabled={ids.length === 0} onClick={() => void navigate(`/restore?machines=${ids.join(',')}`)}>
        {ids.length === 0 ? t('action.restore') : t('machines.restore-count', { count: ids.length })}
      </Button>
      <Button variant="secondary" isDisabled={ids.length !== 1} onClick={() => void navigate(`/capture?machine=${ids[0] ?? ''}`)}>
        {t('action.capture')}
      </Button>
      <ActionMenu
        label={t('bulk.more')}
        isDisabled={ids.length === 0}
        actions={[
          { label: t('bulk.name'), onClick: () => setAsking('name') },
          { label: t('place.move'), onClick: () => setAsking('move') },
          verb('wake'),
          null,
          verb('ban'),
          verb('admit'),
          null,
          verb('delete'),
        ]}
      />
      {asking === 'name' && <NameByPattern ids={ids} onClose={() => setAsking(null)} />}
      {asking === 'move' && <MoveMachines ids={ids} onClose={() => setAsking(null)} />}
      {asking !== null && asking !== 'name' && asking !== 'move' && (
        <BulkDialogue key={asking} verb={asking} ids={ids} labels={new Map(machines.map((machine) => [machine.id, machine.label]))} onClose={() => setAsking(null)} />
      )}
    </>
  );
}

interface DialogueProps {
  verb: BulkVerb;
  ids: string[];
  labels: ReadonlyMap<string, string>;
  onClose: () => void;
}

/** Names shown in the question; of a thousand only the first. */
const NAMES_SHOWN = 12;

/** Says what will happen to how many, does it, and says of each that refused why. */
export function BulkDialogue({ verb, ids, labels, onClose }: DialogueProps) {
  const { t, format } = useLanguage();
  const problemText = useProblemText();
  const client = useQueryClient();
  const { state, run } = useBulk(VERBS[verb]);
  // The question was about these, whatever the list under it does meanwhile.
  const [meant] = useState(ids);
  const count = meant.length;
  const named = meant.flatMap((id) => labels.get(id) ?? []);
  const start = async () => {
    await run(meant);
    void client.invalidateQueries({ queryKey: ['machines'] });
    void client.invalidateQueries({ queryKey: ['machine-count'] });
  };
  return (
    <Modal variant="small" isOpen onClose={onClose} aria-labelledby="bulk-title">
      <ModalHeader labelId="bulk-title" title={t(`bulk.${verb}-title`, { count })} titleIconVariant={verb === 'delete' || verb === 'ban' ? 'warning' : undefined} />
      <ModalBody>
        <p>{t(`bulk.${verb}-about`)}</p>
        {named.length > 0 && !state.isOver && (
          <p className="amorce-quiet">
            {format.list(named.slice(0, NAMES_SHOWN))}
            {count > NAMES_SHOWN && ` ${t('bulk.and-more', { count: count - Math.min(named.length, NAMES_SHOWN) })}`}
          </p>
        )}
        {state.isRunning && <Progress aria-label={t(`bulk.${verb}`)} value={Math.round((state.done / count) * 100)} measureLocation="none" size="sm" />}
        {state.isOver && (
          <Alert
            variant={state.failed.length === 0 ? 'success' : 'warning'}
            isInline
            title={t('bulk.outcome', { done: state.done - state.failed.length, count })}
          >
            {state.failed.length > 0 && (
              <List isPlain className="amorce-bulk-failures">
                {state.failed.map(({ id, problem }) => (
                  <ListItem key={id}>
                    <span className="amorce-strong">{labels.get(id) ?? id}</span> {problemText(problem).title}
                  </ListItem>
                ))}
              </List>
            )}
          </Alert>
        )}
      </ModalBody>
      <ModalFooter>
        {!state.isOver && (
          <Button variant={verb === 'delete' ? 'danger' : 'primary'} isLoading={state.isRunning} isDisabled={state.isRunning} onClick={() => void start()}>
            {t(`bulk.${verb}-start`, { count })}
          </Button>
        )}
        <Button variant={state.isOver ? 'primary' : 'link'} onClick={onClose}>
          {state.isOver ? t('action.close') : t('action.cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
