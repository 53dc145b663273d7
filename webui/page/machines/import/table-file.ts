/** A table that a person chose from their disk. */
import { ApiError } from '../../api/client';
import type { ImportField, MachineImport } from '../../api/types';

/** What a column can tell, in the order people read. */
export const FIELDS = ['name', 'note', 'macs', 'serial', 'uuid', 'board_serial', 'manufacturer', 'product', 'quarantined', 'id'] as const satisfies ImportField[];
/** What can tell which record a line is about. */
export const KEY_FIELDS = ['macs', 'uuid', 'serial', 'name', 'id'] as const satisfies ImportField[];

/** What the appliance takes at most. */
const BYTES_MAX = 8 * 1024 * 1024;

/** The file as the API wants it. */
export interface Table {
  name: string;
  /** Tells one reading from another. */
  stamp: number;
  kind: NonNullable<MachineImport['kind']>;
  /** In Base64. */
  content: string;
}

/** Reads it whole. */
export async function readTable(file: File): Promise<Table> {
  if (file.size > BYTES_MAX) throw new ApiError({ code: 'body-too-large', title: '', remedy: '', status: 413 });
  const bytes = new Uint8Array(await file.arrayBuffer());
  return { name: file.name, stamp: file.lastModified, kind: isArchive(bytes) ? 'xlsx' : 'csv', content: toBase64(bytes) };
}

/** A workbook is a ZIP archive, whatever its name says. */
function isArchive(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

const PIECE = 0x8000;

/** Base64 (RFC 4648 §4), piece by piece: a call with a million arguments is refused. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE) text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(text);
}
