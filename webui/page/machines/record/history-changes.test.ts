import { expect, test } from 'vitest';
import { compare, readChanges } from './history-changes';

test('the three shapes of a history entry all become lines', () => {
  expect(readChanges([{ what: 'memory', before: 8, after: 16 }])).toEqual([{ what: 'memory', before: '8', after: '16' }]);
  expect(readChanges({ before: { name: null, note: 'x' }, after: { name: 'S204-01', note: 'x' } })).toEqual([{ what: 'name', before: '', after: 'S204-01' }]);
  expect(readChanges({ into: 'id', macs: ['a', 'b'] })).toEqual([
    { what: 'into', before: '', after: 'id' },
    { what: 'macs', before: '', after: 'a, b' },
  ]);
});

test('whatever stands there, nothing breaks and nothing is endless', () => {
  for (const strange of [null, undefined, 7, 'text', [], [1, null], {}, { before: 3, after: [] }]) expect(readChanges(strange)).toEqual([]);
  expect(compare(null, { screen: 'x'.repeat(9000) })[0]?.after.length).toBeLessThan(210);
});
