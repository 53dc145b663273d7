/** A field that asks once the person paused. */
import { SearchInput } from '@patternfly/react-core';
import { useEffect, useState } from 'react';
import { useLanguage } from '../language/language';

const PAUSE_MS = 250;

/** What is typed is kept here; the caller hears of it after a pause. */
export function SearchField({ value, label, onChange }: { value: string; label: string; onChange: (text: string) => void }) {
  const { t } = useLanguage();
  const [text, setText] = useState(value);
  const [shown, setShown] = useState(value);
  // The address changed by another way than this field: the field follows.
  if (shown !== value) {
    setShown(value);
    setText(value);
  }
  useEffect(() => {
    if (text === value) return undefined;
    const timer = setTimeout(() => onChange(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, value, onChange]);
  return (
    <SearchInput
      aria-label={label}
      placeholder={label}
      resetButtonLabel={t('machines.clear-search')}
      value={text}
      onChange={(_, next) => setText(next)}
      onClear={() => setText('')}
    />
  );
}
