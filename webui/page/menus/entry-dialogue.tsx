/** One entry of a menu: what people read and what it does. */
import { Button, Checkbox, Form, FormGroup, FormSelect, FormSelectOption, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { mastersQuery } from '../api/queries';
import type { EntryAction, MenuEntryWish } from '../api/types';
import { useLanguage } from '../language/language';
import { freeKey } from './effective';

const KINDS = ['local-disk', 'agent', 'job', 'memory-test', 'kernel', 'program', 'disk-image', 'windows', 'other-server'] as const;
type Kind = (typeof KINDS)[number];

/** What each kind wants to know, as fields of text. */
const FIELDS: Record<Kind, readonly ('kernel' | 'initrd' | 'words' | 'file' | 'folder' | 'server' | 'master')[]> = {
  'local-disk': [],
  agent: [],
  job: ['master'],
  'memory-test': [],
  kernel: ['kernel', 'initrd', 'words'],
  program: ['file'],
  'disk-image': ['file'],
  windows: ['folder'],
  'other-server': ['server', 'file'],
};
const OPTIONAL = ['initrd', 'words'];
const PASSWORD_MIN = 6;

interface Props {
  entry: MenuEntryWish | null;
  /** Keys that are in use. */
  taken: readonly string[];
  onDone: (entry: MenuEntryWish) => void;
  onClose: () => void;
}

/** The form asks only what the kind needs. */
export function EntryDialogue({ entry, taken, onDone, onClose }: Props) {
  const { t } = useLanguage();
  const masters = useQuery(mastersQuery);
  const [label, setLabel] = useState(entry?.label ?? '');
  const [kind, setKind] = useState<Kind>(entry?.action.kind ?? 'agent');
  const [values, setValues] = useState(() => valuesOf(entry?.action));
  const [unsigned, setUnsigned] = useState(entry !== null && 'unsigned' in entry.action && entry.action.unsigned === true);
  const [hotkey, setHotkey] = useState(entry?.hotkey ?? '');
  const [locked, setLocked] = useState(entry?.locked === true);
  const [password, setPassword] = useState('');
  const [tried, setTried] = useState(false);
  const lacks = (field: string) => !OPTIONAL.includes(field) && (values[field] ?? '').trim() === '';
  // A job that was made elsewhere may have other steps than this form knows: they stay as they are.
  const keptJob = entry?.action.kind === 'job' && kind === 'job' && values.master === valuesOf(entry.action).master ? entry.action : null;
  const needsPassword = locked && entry?.locked !== true;
  const isWrong = {
    label: label.trim() === '',
    hotkey: hotkey !== '' && !/^[a-z0-9]$/.test(hotkey),
    password: locked && (needsPassword || password !== '') && [...password].length < PASSWORD_MIN,
    fields: keptJob === null && FIELDS[kind].some(lacks),
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (Object.values(isWrong).some(Boolean)) return;
    onDone({
      key: entry?.key ?? freeKey(label, taken),
      label: label.trim(),
      action: keptJob ?? actionOf(kind, values, unsigned),
      hotkey: hotkey === '' ? null : hotkey,
      locked,
      ...(locked && password !== '' ? { password } : {}),
    });
  };
  return (
    <Modal variant="medium" isOpen onClose={onClose} aria-labelledby="entry-title">
      <ModalHeader labelId="entry-title" title={entry === null ? t('menus.add') : t('menus.edit-name', { name: entry.label })} />
      <ModalBody>
        <Form id="entry-form" onSubmit={submit} noValidate>
          <FormGroup label={t('entry.label')} isRequired fieldId="entry-label">
            <TextInput id="entry-label" value={label} maxLength={60} autoFocus autoComplete="off" validated={tried && isWrong.label ? 'error' : 'default'} onChange={(_, value) => setLabel(value)} />
          </FormGroup>
          <FormGroup label={t('entry.does')} fieldId="entry-kind">
            <FormSelect id="entry-kind" value={kind} onChange={(_, value) => setKind(value as Kind)}>
              {KINDS.map((each) => (
                <FormSelectOption key={each} value={each} label={t(`entry.kind.${each}`)} />
              ))}
            </FormSelect>
          </FormGroup>
          {FIELDS[kind].map((field) =>
            field === 'master' ? (
              <FormGroup key={field} label={t('restore.master')} fieldId="entry-master">
                <FormSelect id="entry-master" value={values.master ?? ''} validated={tried && lacks('master') && keptJob === null ? 'error' : 'default'} onChange={(_, value) => setValues({ ...values, master: value })}>
                  <FormSelectOption value="" label={t('restore.lacks-master')} isDisabled />
                  {(masters.data?.items ?? []).map((master) => (
                    <FormSelectOption key={master.name} value={master.name} label={t('entry.newest-of', { name: master.name })} />
                  ))}
                </FormSelect>
              </FormGroup>
            ) : (
              <FormGroup key={field} label={t(`entry.${field}`)} isRequired={!OPTIONAL.includes(field)} fieldId={`entry-${field}`}>
                <TextInput id={`entry-${field}`} className="amorce-code" value={values[field] ?? ''} autoComplete="off" spellCheck={false} validated={tried && lacks(field) ? 'error' : 'default'} onChange={(_, value) => setValues({ ...values, [field]: value })} />
              </FormGroup>
            ),
          )}
          {(kind === 'kernel' || kind === 'program') && <Checkbox id="entry-unsigned" label={t('entry.unsigned')} isChecked={unsigned} onChange={(_, checked) => setUnsigned(checked)} />}
          <div className="amorce-options">
            <FormGroup label={t('entry.hotkey')} fieldId="entry-hotkey">
              <TextInput id="entry-hotkey" className="amorce-count-field" value={hotkey} maxLength={1} autoComplete="off" validated={isWrong.hotkey ? 'error' : 'default'} onChange={(_, value) => setHotkey(value.toLowerCase())} />
            </FormGroup>
            <FormGroup label={t('entry.password')} fieldId="entry-password">
              <Checkbox id="entry-locked" label={t('entry.locked')} isChecked={locked} onChange={(_, checked) => setLocked(checked)} />
              {locked && (
                <TextInput
                  id="entry-password"
                  type="password"
                  value={password}
                  maxLength={64}
                  autoComplete="new-password"
                  placeholder={needsPassword ? t('entry.password-new') : t('entry.password-kept')}
                  aria-label={t('entry.password')}
                  validated={tried && isWrong.password ? 'error' : 'default'}
                  onChange={(_, value) => setPassword(value)}
                />
              )}
            </FormGroup>
          </div>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="entry-form">
          {t('entry.take')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('action.cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}

type Values = Partial<Record<string, string>>;

function valuesOf(action: EntryAction | undefined): Values {
  if (action === undefined) return {};
  if (action.kind === 'job') {
    const restore = action.steps.find((step) => step.kind === 'restore');
    return restore === undefined ? {} : { master: restore.master.name };
  }
  if (action.kind === 'kernel') return { kernel: action.kernel, initrd: (action.initrd ?? []).join(' '), words: action.words ?? '' };
  if (action.kind === 'program' || action.kind === 'disk-image') return { file: action.file };
  if (action.kind === 'windows') return { folder: action.folder };
  if (action.kind === 'other-server') return { server: action.server, file: action.file };
  return {};
}

function actionOf(kind: Kind, values: Values, unsigned: boolean): EntryAction {
  const text = (field: string) => (values[field] ?? '').trim();
  switch (kind) {
    case 'job':
      return { kind, steps: [{ kind: 'restore', master: { name: text('master'), version: null }, disk: null }, { kind: 'reboot' }] };
    case 'kernel':
      return { kind, kernel: text('kernel'), initrd: text('initrd').split(/\s+/).filter((file) => file !== ''), words: text('words'), unsigned };
    case 'program':
      return { kind, file: text('file'), unsigned };
    case 'disk-image':
      return { kind, file: text('file') };
    case 'windows':
      return { kind, folder: text('folder') };
    case 'other-server':
      return { kind, server: text('server'), file: text('file') };
    default:
      return { kind };
  }
}
