import { expect, test } from 'vitest';
import type { WholeMenu } from '../api/types';
import { type Draft, dropEntry, effectiveLines, freeKey, inheritedLines, loaderText, moveEntry } from './effective';

const site = { kind: 'place', id: 'site' } as const;
const room = { kind: 'place', id: 'room' } as const;
const whole = {
  entries: [
    { entry: { key: 'agent', label: 'Amorce', action: { kind: 'agent' } }, origin: site },
    { entry: { key: 'memory', label: 'Mémoire', action: { kind: 'memory-test' } }, origin: site },
  ],
  own: {},
  origins: [],
  settings: {},
} as unknown as WholeMenu;
const keys = (draft: Draft) => effectiveLines(draft, inheritedLines(whole, 'room', whole), room, 'Disque').map((line) => line.entry.key);

test('own entries come after those from above, take the place of their key, and withdraw', () => {
  const draft: Draft = {
    settings: {},
    entries: [
      { key: 'memory', label: 'Test', action: { kind: 'memory-test' }, withdrawn: true },
      { key: 'disk', label: 'Disque', action: { kind: 'local-disk' } },
      { key: 'agent', label: 'Notre agent', action: { kind: 'agent' } },
    ],
  };
  expect(keys(draft)).toEqual(['agent', 'disk']);
  expect(keys(dropEntry(draft, 'memory'))).toEqual(['agent', 'memory', 'disk']);
  expect(keys({ settings: {}, entries: [] }), 'a menu can always start the disk').toEqual(['local-disk', 'agent', 'memory']);
});

test('an entry moves to a place and never out of the list', () => {
  const draft: Draft = { settings: {}, entries: ['a', 'b', 'c'].map((key) => ({ key, label: key, action: { kind: 'agent' } })) };
  const order = (next: Draft) => next.entries.map((entry) => entry.key).join('');
  expect(order(moveEntry(draft, 'c', 0))).toBe('cab');
  expect(order(moveEntry(draft, 'a', 99))).toBe('bca');
  expect(order(moveEntry(draft, 'nobody', 1))).toBe('abc');
});

test('keys are what scripts take, and nobody has the same', () => {
  expect(freeKey('Réinstaller « Debian »', ['reinstaller-debian'])).toBe('reinstaller-debian-2');
  expect(freeKey('???', [])).toBe('entree');
  expect(freeKey('x'.repeat(90), []).length).toBeLessThanOrEqual(32);
});

test('the preview shows letters as loaders do', () => {
  expect(loaderText('Démarrer « l’ordinateur »…')).toBe("Demarrer ( l'ordinateur )...");
});
