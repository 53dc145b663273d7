/** What a person is about to start, kept for this tab: a reload, or logging in again, loses nothing. */
import { useEffect, useState } from 'react';

/** State that outlives a reload of the tab, and ends when it is started or the tab is closed. */
export function useDraft<Value>(name: string, initial: Value): [Value, (value: Value) => void, () => void] {
  const key = `amorce.draft.${name}`;
  const [value, setValue] = useState<Value>(() => read(key) ?? initial);
  useEffect(() => {
    try {
      sessionStorage.setItem(key, JSON.stringify(value));
    } catch {
      // Private windows may keep nothing; the page works all the same.
    }
  }, [key, value]);
  const forget = () => {
    try {
      sessionStorage.removeItem(key);
    } catch {
      // Nothing was kept.
    }
  };
  return [value, setValue, forget];

  function read(from: string): Value | null {
    try {
      const text = sessionStorage.getItem(from);
      return text === null ? null : (JSON.parse(text) as Value);
    } catch {
      return null;
    }
  }
}
