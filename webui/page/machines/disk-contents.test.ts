import { expect, test } from 'vitest';
import { readDiskContents } from './disk-contents';

const inspection = {
  bytes_disk: 1000,
  table: 'gpt',
  partitions: [
    { number: 2, start: 300, length: 500, kind: 'linux', label: 'root', filesystem: 'ext4' },
    { number: 1, start: 20, length: 200, label: 'EFI', filesystem: 'vfat' },
  ],
};

test('partitions are drawn in the order of the disk, with the room between them', () => {
  const picture = readDiskContents(JSON.stringify(inspection), 1000);
  expect(picture?.scheme).toBe('gpt');
  expect(picture?.parts.map((part) => [part.number, part.size])).toEqual([[0, 20], [1, 200], [0, 80], [2, 500], [0, 200]]);
  expect(readDiskContents(inspection, 1000)).toEqual(picture);
});

test('whatever a hostile machine sends is no picture or a small one', () => {
  for (const contents of [null, undefined, '', 'x', '{', 7, [], {}, { partitions: 3 }, { partitions: [null, 1, [], { length: 'x' }, { length: -1 }, { length: Infinity }] }]) {
    const picture = readDiskContents(contents, 1000);
    expect(picture === null || picture.parts.every((part) => part.number === 0)).toBe(true);
  }
  const many = { partitions: Array.from({ length: 100_000 }, (_, number) => ({ number, start: number, length: 1 })) };
  expect(readDiskContents(many, 1000)?.parts.length).toBeLessThan(600);
});
