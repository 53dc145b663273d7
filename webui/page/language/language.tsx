/** The page's language: which one, its messages, and the hook that writes them. */
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import type { fr } from './fr';
import * as format from './format';
import { type ArgumentNames, formatMessage } from './message';

/** Languages that are complete. */
export const LANGUAGES = ['fr', 'en'] as const;
/** One of them. */
export type Language = (typeof LANGUAGES)[number];
/** The French messages are the source: their keys and arguments are the contract. */
export type Messages = typeof fr;
/** The name of a message. */
export type MessageKey = keyof Messages;

type Arguments<Key extends MessageKey> = [ArgumentNames<Messages[Key]>] extends [never]
  ? []
  : [Record<ArgumentNames<Messages[Key]>, string | number>];

/** Writes a message; a missing argument does not compile. */
export type Translate = <Key extends MessageKey>(key: Key, ...values: Arguments<Key>) => string;

interface Spoken {
  language: Language;
  setLanguage: (language: Language) => void;
  t: Translate;
  /** Whether a message of this name exists: problems are translated where their code is known. */
  known: (key: string) => key is MessageKey;
}

const Context = createContext<Spoken | null>(null);
const STORED = 'amorce.language';

const loaders: Record<Language, () => Promise<Record<MessageKey, string>>> = {
  fr: async () => (await import('./fr')).fr,
  en: async () => (await import('./en')).en,
};

/** What the person chose on this browser, or else what the browser asks for, or else the site's. */
export function preferredLanguage(stored: string | null, asked: readonly string[], site?: string): Language {
  const known = (text: string | null | undefined) => LANGUAGES.find((language) => text?.toLowerCase().startsWith(language));
  return known(stored) ?? asked.map(known).find((found) => found !== undefined) ?? known(site) ?? 'fr';
}

/** Provides the language; shows nothing until its messages are there, which takes one small file. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, choose] = useState<Language>(() =>
    preferredLanguage(readStored(), typeof navigator === 'undefined' ? [] : navigator.languages),
  );
  const [messages, setMessages] = useState<{ language: Language; texts: Record<MessageKey, string> } | null>(null);

  useEffect(() => {
    let wanted = true;
    void loaders[language]().then((texts) => {
      if (!wanted) return;
      document.documentElement.lang = language;
      setMessages({ language, texts });
    });
    return () => {
      wanted = false;
    };
  }, [language]);

  const setLanguage = useCallback((next: Language) => {
    try {
      localStorage.setItem(STORED, next);
    } catch {
      // A browser that keeps nothing asks again next time.
    }
    choose(next);
  }, []);

  const spoken = useMemo<Spoken | null>(() => {
    if (messages === null) return null;
    const { texts } = messages;
    return {
      language: messages.language,
      setLanguage,
      t: (key, ...values) => formatMessage(texts[key], messages.language, values[0]),
      known: (key): key is MessageKey => Object.hasOwn(texts, key),
    };
  }, [messages, setLanguage]);

  return spoken === null ? null : <Context.Provider value={spoken}>{children}</Context.Provider>;
}

/** The language, and the functions that write in it. */
export function useLanguage() {
  const spoken = useContext(Context);
  if (spoken === null) throw new Error('useLanguage is called outside LanguageProvider');
  const { language } = spoken;
  const formats = useMemo(
    () => ({
      bytes: (value: number) => format.formatBytes(value, language),
      rate: (value: number) => format.formatRate(value, language),
      percent: (value: number) => format.formatPercent(value, language),
      seconds: (value: number) => format.formatSeconds(value, language),
      offset: (value: number) => format.formatOffset(value, language),
      day: (value: number) => format.formatDay(value, language),
      moment: (value: number) => format.formatMoment(value, language),
      ago: (value: number, now: number) => format.formatAgo(value, now, language),
      list: (values: string[]) => new Intl.ListFormat(language, { type: 'conjunction' }).format(values),
    }),
    [language],
  );
  return { ...spoken, format: formats };
}

function readStored(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}
