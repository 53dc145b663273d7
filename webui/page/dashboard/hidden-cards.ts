/** Which cards a person does not want to see, kept in this browser. */
import { useState } from 'react';

const STORED = 'amorce.dashboard.hidden';

/** The hidden ones, and how to hide or show one. */
export function useHiddenCards() {
  const [hidden, setHidden] = useState<readonly string[]>(read);
  const store = (next: readonly string[]) => {
    setHidden(next);
    try {
      localStorage.setItem(STORED, JSON.stringify(next));
    } catch {
      // A browser that keeps nothing shows all cards next time.
    }
  };
  return {
    isHidden: (card: string) => hidden.includes(card),
    toggle: (card: string) => store(hidden.includes(card) ? hidden.filter((each) => each !== card) : [...hidden, card]),
  };
}

function read(): readonly string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(STORED) ?? '[]');
    return Array.isArray(kept) ? kept.filter((each) => typeof each === 'string') : [];
  } catch {
    return [];
  }
}
