/** A value with a way back. */
import { useCallback, useState } from 'react';

const STEPS_MAX = 50;

interface Kept<Value> {
  now: Value;
  before: Value[];
}

/** State whose changes can be taken back one by one. */
export function useUndo<Value>(initial: Value) {
  const [kept, setKept] = useState<Kept<Value>>({ now: initial, before: [] });
  const change = useCallback((next: Value) => setKept((old) => ({ now: next, before: [...old.before, old.now].slice(-STEPS_MAX) })), []);
  const undo = useCallback(() => setKept((old) => ({ now: old.before.at(-1) ?? old.now, before: old.before.slice(0, -1) })), []);
  return { value: kept.now, change, undo, canUndo: kept.before.length > 0 };
}
