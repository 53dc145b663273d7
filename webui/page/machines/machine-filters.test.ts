import { expect, test } from 'vitest';
import { filterWords } from '../api/queries';
import { readFilters, toQuery } from './machine-filters';

test('what an address says that the API would not take is left out', () => {
  const filters = readFilters(new URLSearchParams('q=S204&is=unnamed,nonsense,connected&firmware=coreboot&silent=31&sort=name'));
  expect(filters).toEqual({ q: 'S204', is: ['connected', 'unnamed'], firmware: '', silent: '', sort: 'name', place: '' });
});

test('the same filters are the same question, all day long', () => {
  const filters = { q: '', is: [], firmware: 'bios', silent: '7', sort: 'newest', place: '' };
  const morning = filterWords(toQuery(filters, Date.parse('2026-11-22T08:00:00Z')));
  expect(filterWords(toQuery(filters, Date.parse('2026-11-22T23:59:59Z')))).toBe(morning);
  expect(morning).toBe('firmware=bios&seen_before=2026-11-15T00%3A00%3A00.000Z');
});
