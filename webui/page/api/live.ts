/**
 * One event stream for all tabs: the tab that holds the lock reads it and tells the others.
 *
 * HTTP/1.1 gives a browser six connections to the appliance; a stream per tab would use them up.
 */
import type { QueryClient } from '@tanstack/react-query';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import { API } from './client';
import { type Connection, type LiveEvent, readEvents } from './event-stream';
import { applyEvent, refreshEverything } from './patch';

type Message = { event: LiveEvent } | { connection: Connection } | { opened: boolean } | { greeting: true };

const listeners = new Set<(event: LiveEvent) => void>();
const watchers = new Set<() => void>();
let connection: Connection = 'connecting';

function setConnection(next: Connection) {
  if (next === connection) return;
  connection = next;
  for (const watcher of watchers) watcher();
}

/** How the live stream stands. */
export function useConnection(): Connection {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => connection,
  );
}

/** Hears every live event of this browser. */
export function useLiveEvents(listener: (event: LiveEvent) => void) {
  useEffect(() => {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, [listener]);
}

/** Keeps the query cache true by the event stream for as long as the caller is mounted. */
export function useLiveUpdates() {
  const client = useQueryClient();
  useEffect(() => {
    const stop = new AbortController();
    shareStream(client, stop.signal);
    return () => stop.abort();
  }, [client]);
}

function shareStream(client: QueryClient, signal: AbortSignal) {
  let last = '';
  const take = (event: LiveEvent) => {
    if (event.id !== '') last = event.id;
    applyEvent(client, event);
    for (const listener of listeners) listener(event);
  };
  const opened = (resumed: boolean) => {
    // A replay fills the gap. Without one, whatever is shown may be old.
    if (!resumed) refreshEverything(client);
  };

  const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('amorce.events');
  const tell = (message: Message) => channel?.postMessage(message);
  let leads = false;
  channel?.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if ('event' in data) take(data.event);
    else if ('connection' in data) setConnection(data.connection);
    else if ('opened' in data) opened(data.opened);
    else if (leads) tell({ connection });
  });
  signal.addEventListener('abort', () => channel?.close());

  const lead = () => {
    leads = true;
    return readEvents(
      `${API}/events`,
      last,
      {
        onEvent: (event) => {
          take(event);
          tell({ event });
        },
        onConnection: (next) => {
          setConnection(next);
          tell({ connection: next });
        },
        onOpen: (resumed) => {
          opened(resumed);
          tell({ opened: resumed });
        },
      },
      signal,
    );
  };
  // Locks exist only where the page is trusted (HTTPS or this very machine); elsewhere each tab reads for itself.
  if (channel === null || !('locks' in navigator)) {
    void lead();
    return;
  }
  tell({ greeting: true });
  navigator.locks.request('amorce.events', { signal }, lead).catch(() => {
    // Aborted while it waited: another tab leads, and this one was closed.
  });
}
