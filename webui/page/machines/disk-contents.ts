/** What is on a disk, read with care from what `imager inspect --json` printed: it comes from a machine. */

/** A stretch of a disk. */
export interface DiskPart {
  /** Its number in the table; 0 for free room. */
  number: number;
  /** Its label or its role. */
  label: string;
  /** What is on it; empty if nobody knows. */
  filesystem: string;
  /** Where it begins, in bytes. */
  offset: number;
  /** Its size in bytes. */
  size: number;
  /** What is used of it in bytes, if known. */
  used: number | null;
}

/** A disk as a picture. */
export interface DiskPicture {
  /** `gpt`, `mbr`, or nothing. */
  scheme: string;
  /** Its parts in order, free room included. */
  parts: DiskPart[];
}

/** Why a disk cannot be captured as it is. */
export interface Refusal {
  /** The partition's number; 0 for the bare disk. */
  number: number;
  /** What is on it. */
  filesystem: string;
  /** What was found, in the machine's words. */
  reason: string;
  /** What to do about it, in the machine's words. */
  remedy: string;
}

/** Free room below this share of the disk is alignment and not worth a place in the picture. */
const SHOWN_SHARE = 0.01;
/** Partition tables have at most 128 entries by convention; a hostile machine may send more. */
const MAX_PARTS = 256;

/** Reads the picture; nothing if there is none. */
export function readDiskContents(contents: unknown, diskSize: number): DiskPicture | null {
  const root = asRecord(typeof contents === 'string' ? parseJson(contents) : contents);
  if (root === null || !Array.isArray(root.partitions)) return null;
  const parts = root.partitions
    .slice(0, MAX_PARTS)
    .map(readPart)
    .filter((part) => part !== null)
    .sort((left, right) => left.offset - right.offset);
  return { scheme: text(root.scheme ?? root.table), parts: withFreeRoom(parts, diskSize) };
}

/** The first partition that a capture would be refused for; nothing if there is none, or nobody knows. */
export function readRefusal(contents: unknown): Refusal | null {
  const root = asRecord(typeof contents === 'string' ? parseJson(contents) : contents);
  if (root === null || !Array.isArray(root.partitions)) return null;
  const refused = root.partitions.slice(0, MAX_PARTS).map(asRecord).find((part) => part?.state === 'refused');
  if (refused === null || refused === undefined) return null;
  return {
    number: number(refused.number) ?? 0,
    filesystem: text(refused.filesystem),
    reason: text(refused.reason),
    remedy: text(refused.remedy),
  };
}

function readPart(value: unknown): DiskPart | null {
  const part = asRecord(value);
  if (part === null) return null;
  const size = number(part.bytes_size ?? part.size ?? part.length);
  if (size === null || size === 0) return null;
  return {
    number: number(part.number) ?? 0,
    label: text(part.label ?? part.name),
    filesystem: text(part.filesystem),
    offset: number(part.offset ?? part.start) ?? 0,
    size,
    used: number(part.bytes_used ?? part.used),
  };
}

function withFreeRoom(parts: DiskPart[], diskSize: number): DiskPart[] {
  const all: DiskPart[] = [];
  let end = 0;
  const free = (from: number, to: number) => {
    if (to - from > diskSize * SHOWN_SHARE) {
      all.push({ number: 0, label: '', filesystem: '', offset: from, size: to - from, used: null });
    }
  };
  for (const part of parts) {
    free(end, part.offset);
    all.push(part);
    end = Math.max(end, part.offset + part.size);
  }
  free(end, diskSize);
  return all;
}

function asRecord(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 100) : '';
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return null;
  }
}
