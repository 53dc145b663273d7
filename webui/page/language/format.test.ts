import { expect, test } from 'vitest';
import { formatAgo, formatBytes, formatPercent, formatRate, formatSeconds } from './format';

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ');

test('sizes are in decimal units, as disks are sold', () => {
  expect(plain(formatBytes(31_457_280_000, 'fr'))).toBe('31,5 Go');
  expect(plain(formatBytes(500_107_862_016, 'en'))).toBe('500 GB');
  expect(plain(formatBytes(999_999, 'fr'))).toBe('1 Mo');
  expect(plain(formatBytes(0, 'en'))).toBe('0 bytes');
  expect(plain(formatRate(84_000_000, 'fr'))).toBe('84 Mo/s');
});

test('a hundred per cent is said only when it is done', () => {
  expect(plain(formatPercent(0.9999, 'en'))).toBe('99%');
  expect(plain(formatPercent(1, 'en'))).toBe('100%');
});

test('estimates are as rough as they are known', () => {
  expect(plain(formatSeconds(42, 'en'))).toBe('42 sec');
  expect(plain(formatSeconds(115, 'fr'))).toBe('1 min 55 s');
  expect(plain(formatSeconds(754, 'fr'))).toBe('13 min');
  expect(plain(formatSeconds(3_590, 'en'))).toBe('1 hr');
  expect(plain(formatSeconds(4_800, 'en'))).toBe('1 hr 20 min');
});

test('moments of this week are told by how long ago they were, older ones by their date', () => {
  const now = Date.UTC(2026, 10, 22, 12);
  expect(plain(formatAgo(now - 5 * 60_000, now, 'fr'))).toBe('il y a 5 min');
  expect(plain(formatAgo(now - 1_000, now, 'en'))).toBe('now');
  expect(formatAgo(now - 30 * 86_400_000, now, 'en')).toContain('2026');
});
