/** Moments in time, told as people tell them. */
import { useSyncExternalStore } from 'react';
import { useLanguage } from '../language/language';

const TICK_MS = 20_000;
let now = Date.now();
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function watchClock(watcher: () => void): () => void {
  watchers.add(watcher);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of watchers) each();
  }, TICK_MS);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** How long ago something was, kept true while it is shown; the date stands in its tooltip. A dash for what never was. */
export function Moment({ at }: { at: string | null | undefined }) {
  const { format } = useLanguage();
  const clock = useSyncExternalStore(watchClock, () => now);
  if (at === null || at === undefined) return <>–</>;
  const time = Date.parse(at);
  if (Number.isNaN(time)) return null;
  return (
    <time dateTime={at} title={format.moment(time)}>
      {format.ago(time, Math.max(clock, time))}
    </time>
  );
}
