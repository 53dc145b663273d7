/** Says changes to people who do not see them: one polite live region for the whole page. */
import { useSyncExternalStore } from 'react';

let said = '';
let turn = 0;
const watchers = new Set<() => void>();

/** Says a sentence when the screen reader has nothing more urgent. */
export function announce(sentence: string): void {
  // The same sentence twice is a new event: an invisible mark makes it differ.
  turn += 1;
  said = turn % 2 === 0 ? sentence : `${sentence}\u200b`;
  for (const watcher of watchers) watcher();
}

/** The live region itself, mounted once. */
export function Announcer() {
  const sentence = useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => said,
  );
  return (
    <div className="amorce-for-readers" role="status" aria-live="polite">
      {sentence}
    </div>
  );
}
