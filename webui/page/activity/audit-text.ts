/** A line of the audit in words: what was done to what. */
import type { AuditEntry } from '../api/types';
import { useLanguage } from '../language/language';

/** Things that the audit names, as the API calls them. */
export const OBJECTS = ['machine', 'job', 'master', 'place', 'menu', 'setting', 'person', 'session', 'token', 'network'] as const;
/** What may be done to them. */
export const VERBS = ['create', 'edit', 'delete', 'run', 'merge', 'split', 'choose-disk', 'log-in', 'log-out', 'unlock'] as const;

/** Returns a function that says it; words that the page does not know are shown as they are. */
export function useAuditText(): (entry: AuditEntry) => string {
  const { t, known } = useLanguage();
  const word = (key: string, otherwise: string) => (known(key) ? t(key as 'audit.verb.edit') : otherwise);
  return (entry) => {
    const verb = word(`audit.verb.${entry.verb}`, entry.verb);
    const object = word(`audit.object.${entry.object}`, entry.object);
    return t('audit.sentence', { verb, object, name: nameOf(entry) });
  };
}

/** What a person knows the thing by: its name as it was, else the end of its id. */
function nameOf(entry: AuditEntry): string {
  for (const state of [entry.after, entry.before] as (Record<string, unknown> | null | undefined)[]) {
    for (const field of ['label', 'name', 'title']) {
      const text = state?.[field];
      if (typeof text === 'string' && text !== '') return text;
    }
  }
  return entry.object_id.length > 30 ? `…${entry.object_id.slice(-8)}` : entry.object_id;
}

/** Where the thing can be looked at; empty if nowhere. */
export function placeOf(entry: AuditEntry): string {
  const id = encodeURIComponent(entry.object_id);
  if (entry.verb === 'delete') return '';
  if (entry.object === 'machine') return `/machines/${id}`;
  if (entry.object === 'job') return `/jobs/${id}`;
  if (entry.object === 'master') return '/masters';
  return '';
}
