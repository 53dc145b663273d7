import { expect, test } from 'vitest';
import { en } from './en';
import { fr } from './fr';
import { preferredLanguage } from './language';
import { argumentNames, formatMessage, parseMessage } from './message';

test('a message is filled with its arguments, and numbers are written as the language writes them', () => {
  expect(formatMessage('{name} : {count}', 'fr', { name: 'S204-01', count: 12345 })).toBe('S204-01 : 12\u202f345');
  expect(formatMessage('{name}: {count}', 'en', { name: 'S204-01', count: 12345 })).toBe('S204-01: 12,345');
});

test('French says one for zero and English does not', () => {
  const text = '{count, plural, one {# machine} other {# machines}}';
  expect(formatMessage(text, 'fr', { count: 0 })).toBe('0 machine');
  expect(formatMessage(text, 'en', { count: 0 })).toBe('0 machines');
  expect(formatMessage(text, 'en', { count: 1 })).toBe('1 machine');
  expect(formatMessage('{count, plural, =0 {No machine} other {# machines}}', 'en', { count: 0 })).toBe('No machine');
});

test('an argument is never read as a message', () => {
  expect(formatMessage('{name}', 'fr', { name: '{count, plural, other {#}} <b>' })).toBe('{count, plural, other {#}} <b>');
});

test('a malformed message is refused', () => {
  for (const text of ['{', '}', '{a', '{a b}', '{n, plural, one {x}}', '{n, plural, many}', '{n, select, other {x}}']) {
    expect(() => parseMessage(text), text).toThrow();
  }
});

test('both languages fill the same arguments everywhere', () => {
  for (const [key, text] of Object.entries(fr)) {
    expect(argumentNames(en[key as keyof typeof fr]), key).toEqual(argumentNames(text));
  }
});

test('the language is what the person chose, else what the browser asks for, else the site’s', () => {
  expect(preferredLanguage('en', ['fr-FR'])).toBe('en');
  expect(preferredLanguage(null, ['de', 'en-GB', 'fr'])).toBe('en');
  expect(preferredLanguage('xx', ['de'], 'en')).toBe('en');
  expect(preferredLanguage(null, [])).toBe('fr');
});
