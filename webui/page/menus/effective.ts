/**
 * What comes of a menu that is not saved yet, by the appliance's own rule: entries from above come first, an own entry with
 * the key of one of them takes its place or withdraws it, any other comes after; without one that starts the disk, Amorce
 * puts one in front. Pure.
 */
import type { Menu, MenuEntryWish, MenuOrigin, MenuSettings, WholeMenu } from '../api/types';

/** An entry and who decided it. */
export interface Line {
  entry: MenuEntryWish;
  origin: MenuOrigin;
  /** It stands in the draft of this owner. */
  isOwn: boolean;
}

/** A menu that is being edited. */
export interface Draft {
  settings: Partial<MenuSettings>;
  entries: MenuEntryWish[];
}

/** The draft that says what the appliance has. */
export function draftOf(own: Menu): Draft {
  return { settings: own.settings ?? {}, entries: own.entries ?? [] };
}

/** Entries that come from above: those of the place above where it is known, else what is shown here and not ours. */
export function inheritedLines(whole: WholeMenu, ownerId: string, above: WholeMenu | undefined): Line[] {
  const source = above ?? whole;
  return source.entries
    .filter(({ origin }) => origin.kind !== 'built-in' && (above !== undefined || origin.id !== ownerId))
    .map(({ entry, origin }) => ({ entry, origin, isOwn: false }));
}

/** What a machine would show. `diskLabel` is what Amorce calls the entry that it adds. */
export function effectiveLines(draft: Draft, inherited: Line[], own: MenuOrigin, diskLabel: string): Line[] {
  let lines = [...inherited];
  for (const entry of draft.entries) {
    const line: Line = { entry, origin: own, isOwn: true };
    if (entry.withdrawn === true) lines = lines.filter((each) => each.entry.key !== entry.key);
    else if (lines.some((each) => each.entry.key === entry.key)) lines = lines.map((each) => (each.entry.key === entry.key ? line : each));
    else lines.push(line);
  }
  const startsDisk = (line: Line) => line.entry.action.kind === 'local-disk' && line.entry.locked !== true;
  if (lines.length > 0 && !lines.some(startsDisk)) {
    const key = freeKey('local-disk', lines.map((line) => line.entry.key));
    lines.unshift({ entry: { key, label: diskLabel, action: { kind: 'local-disk' } }, origin: { kind: 'built-in' }, isOwn: false });
  }
  return lines;
}

/** Puts an own entry one place further up or down, or to any place. */
export function moveEntry(draft: Draft, key: string, to: number): Draft {
  const from = draft.entries.findIndex((entry) => entry.key === key);
  const place = Math.max(0, Math.min(to, draft.entries.length - 1));
  const moved = draft.entries[from];
  if (moved === undefined || place === from) return draft;
  return { ...draft, entries: draft.entries.toSpliced(from, 1).toSpliced(place, 0, moved) };
}

/** Puts an entry in: in the place of the one of its key, or at the end. */
export function putEntry(draft: Draft, entry: MenuEntryWish, instead: string | null): Draft {
  const at = draft.entries.findIndex((each) => each.key === (instead ?? entry.key));
  return { ...draft, entries: at === -1 ? [...draft.entries, entry] : draft.entries.with(at, entry) };
}

/** Takes an own entry away; one from above comes back by that. */
export function dropEntry(draft: Draft, key: string): Draft {
  return { ...draft, entries: draft.entries.filter((entry) => entry.key !== key) };
}

/** A key for scripts made of what people read, that nothing else has. */
export function freeKey(label: string, taken: readonly string[]): string {
  const plain = label.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  const base = plain.slice(0, 28).replace(/-+$/, '') || 'entree';
  let key = base;
  for (let number = 2; taken.includes(key); number += 1) key = `${base}-${number}`;
  return key;
}

/** Letters as loaders show them: ASCII, without accents. */
export function loaderText(text: string): string {
  return text
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .replace(/[«‹[{<]/g, '(')
    .replace(/[»›\]}>]/g, ')')
    .replace(/["`’‘“”]/g, "'")
    .replace(/[–—‑|~]/g, '-')
    .replace(/[œ]/g, 'oe')
    .replace(/[æ]/g, 'ae')
    .replace(/\\/g, '/')
    .replace(/&/g, '+')
    .replace(/…/g, '...')
    .replace(/[^ -~]/g, ' ')
    .replace(/ +/g, ' ')
    .trim();
}
