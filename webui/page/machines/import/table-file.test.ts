// @vitest-environment node
import { expect, test } from 'vitest';
import { readTable, toBase64 } from './table-file';

test('a table larger than one piece comes back byte for byte', () => {
  const bytes = Uint8Array.from({ length: 100_001 }, (_, index) => (index * 31) % 256);
  const back = Uint8Array.from(atob(toBase64(bytes)), (letter) => letter.charCodeAt(0));
  expect(back).toEqual(bytes);
});

test('a workbook is known by its first bytes and not by its name', async () => {
  const workbook = await readTable(new File([new Uint8Array([0x50, 0x4b, 3, 4, 20])], 'postes.csv'));
  expect(workbook.kind).toBe('xlsx');
  const table = await readTable(new File(['nom;mac\n'], 'postes.xlsx'));
  expect([table.kind, atob(table.content)]).toEqual(['csv', 'nom;mac\n']);
});
