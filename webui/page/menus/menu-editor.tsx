/** A menu with its entries in order, its settings, and beside them the screen that a machine would show. */
import { Alert, Button, Card, CardBody, CardTitle } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask } from '../api/client';
import { type MenuOwner, menuPath, menuQuery } from '../api/queries';
import type { MenuEntryWish, WholeMenu } from '../api/types';
import { useLanguage } from '../language/language';
import { announce } from '../layout/announcer';
import { PlusIcon, UndoIcon } from '../layout/icons';
import { Problem } from '../layout/state';
import { draftOf, dropEntry, effectiveLines, inheritedLines, moveEntry, putEntry } from './effective';
import { EntryDialogue } from './entry-dialogue';
import { EntryList } from './entry-list';
import { useUndo } from './history';
import { MenuScreen } from './menu-screen';
import { MenuSettingsForm } from './menu-settings';

interface Props {
  owner: MenuOwner;
  whole: WholeMenu;
  /** What the place above shows; unknown for a machine, which may be in groups. */
  above: WholeMenu | undefined;
  title: string;
}

/** Nothing is saved before the button; every change can be taken back. */
export function MenuEditor({ owner, whole, above, title }: Props) {
  const { t } = useLanguage();
  const client = useQueryClient();
  const [saved, setSaved] = useState(whole.own);
  const { value: draft, change, undo, canUndo } = useUndo(draftOf(whole.own));
  const [editing, setEditing] = useState<MenuEntryWish | 'new' | null>(null);
  const save = useMutation({
    mutationFn: () => ask<WholeMenu>(menuPath(owner), { method: 'PUT', body: draft }),
    onSuccess: (fresh) => {
      client.setQueryData(menuQuery(owner).queryKey, fresh);
      // What lies below this place shows it too.
      void client.invalidateQueries({ queryKey: ['menu'] });
      setSaved(fresh.own);
      announce(t('menus.saved'));
    },
  });
  const inherited = inheritedLines(whole, owner.id, above);
  const lines = effectiveLines(draft, inherited, { kind: owner.kind, id: owner.id }, t('menus.disk-entry'));
  const isChanged = JSON.stringify(draftOf(saved)) !== JSON.stringify(draft);
  const elsewhere = JSON.stringify(whole.own) !== JSON.stringify(saved);
  const taken = [...lines.map((line) => line.entry.key), ...draft.entries.map((entry) => entry.key)];
  return (
    <div className="amorce-menu-editor">
      <div className="amorce-stack">
        {elsewhere && (
          <Alert variant="warning" isInline title={t('menus.changed-elsewhere')}>
            <Button
              variant="link"
              isInline
              onClick={() => {
                change(draftOf(whole.own));
                setSaved(whole.own);
              }}
            >
              {t('menus.take-theirs')}
            </Button>
          </Alert>
        )}
        <Card component="section">
          <CardTitle component="h2">{t('menus.entries')}</CardTitle>
          <CardBody>
            <EntryList
              lines={lines}
              draft={draft}
              inherited={inherited}
              onMove={(key, to) => change(moveEntry(draft, key, to))}
              onEdit={setEditing}
              onDrop={(key) => change(dropEntry(draft, key))}
              onWithdraw={(entry) => change(putEntry(draft, { ...entry, withdrawn: true }, null))}
            />
            <Button variant="secondary" icon={<PlusIcon />} onClick={() => setEditing('new')}>
              {t('menus.add')}
            </Button>
          </CardBody>
        </Card>
        <Card component="section">
          <CardTitle component="h2">{t('menus.settings')}</CardTitle>
          <CardBody>
            <MenuSettingsForm settings={draft.settings} whole={whole} owner={owner} lines={lines} onChange={(settings) => change({ ...draft, settings })} />
          </CardBody>
        </Card>
        {save.isError && <Problem error={save.error} />}
        <div className="amorce-flow-end amorce-save-bar">
          <Button variant="primary" isDisabled={!isChanged || save.isPending} isLoading={save.isPending} onClick={() => save.mutate()}>
            {t('menus.save', { name: title })}
          </Button>
          <Button variant="secondary" icon={<UndoIcon />} isDisabled={!canUndo} onClick={undo}>
            {t('menus.undo')}
          </Button>
          <span className="amorce-quiet" role="status">
            {isChanged ? t('menus.unsaved') : save.isSuccess ? t('menus.saved') : ''}
          </span>
        </div>
      </div>
      <MenuScreen lines={lines} settings={{ ...whole.settings, ...withoutEmpty(draft.settings) }} />
      {editing !== null && (
        <EntryDialogue
          entry={editing === 'new' ? null : editing}
          taken={taken}
          onClose={() => setEditing(null)}
          onDone={(entry) => {
            change(putEntry(draft, entry, editing === 'new' ? null : editing.key));
            setEditing(null);
          }}
        />
      )}
    </div>
  );
}

function withoutEmpty<Settings extends object>(settings: Settings): Partial<Settings> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null && value !== undefined)) as Partial<Settings>;
}
