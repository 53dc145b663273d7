/** Settings of a menu. What is left empty comes from above, and says from where. */
import { FormGroup, FormHelperText, FormSelect, FormSelectOption, HelperText, HelperTextItem, TextInput } from '@patternfly/react-core';
import type { ReactNode } from 'react';
import type { MenuOwner } from '../api/queries';
import type { MenuSettings, WholeMenu } from '../api/types';
import { useLanguage } from '../language/language';
import type { Line } from './effective';
import { useOriginName } from './origin';

interface Props {
  settings: Partial<MenuSettings>;
  whole: WholeMenu;
  owner: MenuOwner;
  lines: Line[];
  onChange: (settings: Partial<MenuSettings>) => void;
}

const SECONDS_MAX = 3600;

/** One field per setting. */
export function MenuSettingsForm({ settings, whole, owner, lines, onChange }: Props) {
  const { t } = useLanguage();
  const originName = useOriginName();
  const set = (next: Partial<MenuSettings>) => onChange({ ...settings, ...next });
  const yesNo = { true: t('menus.yes'), false: t('menus.no') };
  const entryLabel = (key: string | null | undefined) => lines.find((line) => line.entry.key === key)?.entry.label ?? key ?? '';
  /** What would hold if nothing were decided here; unknown while it is decided here. */
  const inherited = (name: keyof MenuSettings, show: (value: never) => string): string => {
    const origin = whole.origins.find((each) => each.setting === name)?.origin;
    const value = whole.settings[name];
    if (origin !== undefined && origin.kind !== 'built-in' && origin.id === owner.id) return t('menus.inherit');
    if (value === null || value === undefined) return t('menus.inherit');
    return t('menus.inherit-value', { value: show(value as never), name: originName(origin ?? { kind: 'built-in' }) });
  };
  const choice = (name: 'hidden' | 'waits' | 'language' | 'keyboard' | 'default' | 'wake_default', options: [string, string][], show: (value: never) => string) => (
    <FormSelect id={`menu-${name}`} value={settings[name] === null || settings[name] === undefined ? '' : String(settings[name])} onChange={(_, value) => set({ [name]: value === '' ? null : name === 'hidden' || name === 'waits' ? value === 'true' : value })}>
      <FormSelectOption value="" label={inherited(name, show)} />
      {options.map(([value, label]) => (
        <FormSelectOption key={value} value={value} label={label} />
      ))}
    </FormSelect>
  );
  const entries = lines.filter((line) => line.entry.action.kind !== 'job').map((line): [string, string] => [line.entry.key, line.entry.label]);
  const seconds = (name: 'timeout_seconds' | 'wake_timeout_seconds') => (
    <TextInput
      id={`menu-${name}`}
      inputMode="numeric"
      autoComplete="off"
      value={settings[name] ?? ''}
      placeholder={inherited(name, (value: number) => t('menus.seconds', { count: value }))}
      onChange={(_, value) => set({ [name]: /^\d+$/.test(value) ? Math.min(Number(value), SECONDS_MAX) : null })}
    />
  );
  return (
    <div className="amorce-options">
      <Field id="menu-title" label={t('menus.setting.title')}>
        <TextInput id="menu-title" value={settings.title ?? ''} maxLength={60} autoComplete="off" placeholder={inherited('title', (value: string) => value)} onChange={(_, value) => set({ title: value === '' ? null : value })} />
      </Field>
      <Field id="menu-default" label={t('menus.setting.default')} help={t('menus.setting.default-help')}>
        {choice('default', entries, entryLabel)}
      </Field>
      <Field id="menu-timeout_seconds" label={t('menus.setting.timeout')} help={t('menus.setting.timeout-help')}>
        {seconds('timeout_seconds')}
      </Field>
      <Field id="menu-waits" label={t('menus.setting.waits')}>
        {choice('waits', [['true', yesNo.true], ['false', yesNo.false]], (value: boolean) => yesNo[`${value}`])}
      </Field>
      <Field id="menu-hidden" label={t('menus.setting.hidden')}>
        {choice('hidden', [['true', yesNo.true], ['false', yesNo.false]], (value: boolean) => yesNo[`${value}`])}
      </Field>
      <Field id="menu-wake_default" label={t('menus.setting.wake-default')}>
        {choice('wake_default', entries, entryLabel)}
      </Field>
      <Field id="menu-wake_timeout_seconds" label={t('menus.setting.wake-timeout')}>
        {seconds('wake_timeout_seconds')}
      </Field>
      <Field id="menu-language" label={t('menus.setting.language')}>
        {choice('language', [['fr', t('settings.language.fr')], ['en', t('settings.language.en')]], (value: 'fr' | 'en') => t(`settings.language.${value}`))}
      </Field>
      <Field id="menu-keyboard" label={t('menus.setting.keyboard')}>
        {choice('keyboard', [['fr', t('menus.keyboard.fr')], ['us', t('menus.keyboard.us')]], (value: 'fr' | 'us') => t(`menus.keyboard.${value}`))}
      </Field>
    </div>
  );
}

function Field({ id, label, help, children }: { id: string; label: string; help?: string; children: ReactNode }) {
  return (
    <FormGroup label={label} fieldId={id}>
      {children}
      {help !== undefined && (
        <FormHelperText>
          <HelperText>
            <HelperTextItem>{help}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}
