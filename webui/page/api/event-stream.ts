/**
 * The appliance's live events, as server-sent events (WHATWG HTML §9.2) over `fetch`.
 *
 * The browser's own EventSource hides heartbeats and sends no `Last-Event-ID` of ours; here a silent line is noticed,
 * and whoever takes over the stream continues where the last one stopped.
 */

/** One event. */
export interface LiveEvent {
  /** Sequence number: where a broken stream continues. */
  id: string;
  /** `machine`, `job`, … */
  kind: string;
  /** The changed object. */
  data: unknown;
}

/** Bytes of one event that are accepted; the largest real one is a machine's facts. */
const MAX_EVENT_LEN = 4 * 1024 * 1024;

/** Takes text as it arrives and gives whole events. */
export class EventReader {
  #rest = '';
  #kind = '';
  #data: string[] = [];
  #id = '';
  #held = 0;

  /** Events that are complete with this piece of text. */
  push(text: string): LiveEvent[] {
    const events: LiveEvent[] = [];
    this.#rest += text;
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.#rest);
      if (end === null) break;
      const line = this.#rest.slice(0, end.index);
      this.#rest = this.#rest.slice(end.index + end[0].length);
      const event = this.#line(line);
      if (event !== null) events.push(event);
    }
    if (this.#rest.length + this.#held > MAX_EVENT_LEN) throw new Error('an event is longer than any real one');
    return events;
  }

  #line(line: string): LiveEvent | null {
    if (line === '') {
      const data = this.#data.join('\n');
      const event = this.#data.length === 0 ? null : { id: this.#id, kind: this.#kind || 'message', data: readJson(data) };
      this.#kind = '';
      this.#data = [];
      this.#held = 0;
      return event;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return null;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#kind = value;
    else if (field === 'id') this.#id = value;
    else if (field === 'data') {
      this.#data.push(value);
      this.#held += value.length;
    }
    return null;
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** How the stream stands. */
export type Connection = 'connecting' | 'open' | 'lost';

interface Listener {
  onEvent: (event: LiveEvent) => void;
  onConnection: (connection: Connection) => void;
  /** A stream was opened again, or for the first time in this tab. `resumed`: the appliance was asked to replay. */
  onOpen: (resumed: boolean) => void;
}

/** Silence after which the line counts as dead: three missed heartbeats of 15 s. */
const SILENCE_MS = 45_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

/** Reads the stream until `signal` aborts, opening it again whenever it breaks. */
export async function readEvents(url: string, after: string, listener: Listener, signal: AbortSignal): Promise<void> {
  let last = after;
  let retry = FIRST_RETRY_MS;
  listener.onConnection('connecting');
  while (!signal.aborted) {
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener('abort', stop);
    let watchdog = setTimeout(stop, SILENCE_MS);
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' };
      if (last !== '') headers['Last-Event-ID'] = last;
      const response = await fetch(url, { headers, signal: attempt.signal, cache: 'no-store', credentials: 'same-origin' });
      if (!response.ok || response.body === null) throw new Error(`the event stream answered ${response.status}`);
      listener.onConnection('open');
      listener.onOpen(last !== '');
      retry = FIRST_RETRY_MS;
      const reader = new EventReader();
      const decoder = new TextDecoder();
      const body = response.body.getReader();
      for (;;) {
        const { done, value } = await body.read();
        if (done) break;
        clearTimeout(watchdog);
        watchdog = setTimeout(stop, SILENCE_MS);
        for (const event of reader.push(decoder.decode(value, { stream: true }))) {
          if (event.id !== '') last = event.id;
          listener.onEvent(event);
        }
      }
    } catch {
      // Whatever broke it, the answer is the same: say so and try again.
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener('abort', stop);
    }
    if (signal.aborted) return;
    listener.onConnection('lost');
    await pause(retry, signal);
    retry = Math.min(retry * 2, LAST_RETRY_MS);
  }
}

/** Waits, but not when the browser says that the network is back or the tab is shown again. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener('online', end);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    addEventListener('online', end);
    signal.addEventListener('abort', end);
  });
}
