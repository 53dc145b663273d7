/** Entries in order. Own ones are moved by keyboard or by dragging; those from above say where they come from. */
import { Button, Label } from '@patternfly/react-core';
import { type DragEvent, useRef, useState } from 'react';
import type { MenuEntryWish } from '../api/types';
import { useLanguage } from '../language/language';
import { announce } from '../layout/announcer';
import { ArrowDownIcon, ArrowUpIcon, GripVerticalIcon, LockIcon } from '../layout/icons';
import { useActionText } from './action-text';
import type { Draft, Line } from './effective';
import { useOriginName } from './origin';

interface Props {
  lines: Line[];
  draft: Draft;
  inherited: Line[];
  onMove: (key: string, to: number) => void;
  onEdit: (entry: MenuEntryWish) => void;
  onDrop: (key: string) => void;
  onWithdraw: (entry: MenuEntryWish) => void;
}

/** The list, and under it what was withdrawn. */
export function EntryList({ lines, draft, inherited, onMove, onEdit, onDrop, onWithdraw }: Props) {
  const { t } = useLanguage();
  const list = useRef<HTMLUListElement>(null);
  const [dragged, setDragged] = useState<string | null>(null);
  const [over, setOver] = useState<string | null>(null);
  const withdrawn = draft.entries.filter((entry) => entry.withdrawn === true);
  const place = (key: string) => draft.entries.findIndex((entry) => entry.key === key);
  const isReplaced = (key: string) => inherited.some((line) => line.entry.key === key);
  const move = (line: Line, to: number, button: string) => {
    onMove(line.entry.key, to);
    announce(t('menus.moved', { name: line.entry.label, place: to + 1, count: draft.entries.length }));
    // The button went with its line: the focus follows.
    requestAnimationFrame(() => list.current?.querySelector<HTMLElement>(`[data-key="${line.entry.key}"] ${button}`)?.focus());
  };
  const drop = (event: DragEvent, key: string) => {
    event.preventDefault();
    if (dragged !== null && place(key) !== -1) onMove(dragged, place(key));
    setDragged(null);
    setOver(null);
  };
  return (
    <>
      {lines.length === 0 && <p className="amorce-quiet">{t('menus.none')}</p>}
      <ul className="amorce-entries" ref={list}>
        {lines.map((line) => {
          const { key } = line.entry;
          const at = place(key);
          const isMovable = line.isOwn && !isReplaced(key);
          return (
            <li
              key={key}
              data-key={key}
              className={over === key && dragged !== key ? 'amorce-entry amorce-entry-over' : 'amorce-entry'}
              draggable={isMovable}
              onDragStart={(event) => {
                event.dataTransfer.effectAllowed = 'move';
                setDragged(key);
              }}
              onDragOver={(event) => {
                if (dragged === null || !isMovable) return;
                event.preventDefault();
                setOver(key);
              }}
              onDragEnd={() => {
                setDragged(null);
                setOver(null);
              }}
              onDrop={(event) => drop(event, key)}
            >
              <span className="amorce-grip" aria-hidden="true">
                {isMovable && <GripVerticalIcon />}
              </span>
              <EntryText line={line} />
              <span className="amorce-buttons amorce-whole">
                {isMovable && (
                  <>
                    <Button size="sm" variant="plain" className="amorce-up" icon={<ArrowUpIcon />} isAriaDisabled={at <= 0} aria-label={t('menus.up', { name: line.entry.label })} onClick={() => at > 0 && move(line, at - 1, '.amorce-up')} />
                    <Button size="sm" variant="plain" className="amorce-down" icon={<ArrowDownIcon />} isAriaDisabled={at >= draft.entries.length - 1} aria-label={t('menus.down', { name: line.entry.label })} onClick={() => at < draft.entries.length - 1 && move(line, at + 1, '.amorce-down')} />
                  </>
                )}
                {line.isOwn ? (
                  <>
                    <Button size="sm" variant="secondary" onClick={() => onEdit(line.entry)} aria-label={t('menus.edit-name', { name: line.entry.label })}>
                      {t('menus.edit')}
                    </Button>
                    <Button size="sm" variant="link" isDanger onClick={() => onDrop(key)} aria-label={t(isReplaced(key) ? 'menus.give-back-name' : 'menus.drop-name', { name: line.entry.label })}>
                      {isReplaced(key) ? t('menus.give-back') : t('menus.drop')}
                    </Button>
                  </>
                ) : (
                  line.origin.kind !== 'built-in' && (
                    <>
                      <Button size="sm" variant="secondary" onClick={() => onEdit(line.entry)} aria-label={t('menus.replace-name', { name: line.entry.label })}>
                        {t('menus.replace')}
                      </Button>
                      <Button size="sm" variant="link" onClick={() => onWithdraw(line.entry)} aria-label={t('menus.withdraw-name', { name: line.entry.label })}>
                        {t('menus.withdraw')}
                      </Button>
                    </>
                  )
                )}
              </span>
            </li>
          );
        })}
      </ul>
      {withdrawn.length > 0 && (
        <div className="amorce-withdrawn">
          <p className="amorce-quiet">{t('menus.withdrawn')}</p>
          <ul className="amorce-entries">
            {withdrawn.map((entry) => (
              <li key={entry.key} className="amorce-entry">
                <span className="amorce-grip" />
                <del>{entry.label}</del>
                <Button size="sm" variant="secondary" onClick={() => onDrop(entry.key)} aria-label={t('menus.show-name', { name: entry.label })}>
                  {t('menus.show')}
                </Button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

function EntryText({ line }: { line: Line }) {
  const { t } = useLanguage();
  const actionText = useActionText();
  const originName = useOriginName();
  return (
    <span className="amorce-entry-text">
      <span className="amorce-strong">{line.entry.label}</span>{' '}
      {line.entry.hotkey !== undefined && line.entry.hotkey !== null && <kbd>{line.entry.hotkey}</kbd>}{' '}
      {line.entry.locked === true && (
        <Label isCompact icon={<LockIcon />}>
          {t('menus.locked')}
        </Label>
      )}
      <span className="amorce-quiet amorce-entry-about">
        {actionText(line.entry.action)}
        {!line.isOwn && ` · ${t('menus.from', { name: originName(line.origin) })}`}
      </span>
    </span>
  );
}
