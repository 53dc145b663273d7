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

/** What a capture may be asked for so that it goes ahead all the same. */
export type CaptureOption = 'drop-hibernation' | 'as-raw';

/** How `imager inspect` names them. */
const OPTIONS: readonly (readonly [string, CaptureOption])[] = [
  ['--drop-hibernation', 'drop-hibernation'],
  ['--as raw', 'as-raw'],
];

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
  /** What would let a capture go ahead. */
  options: CaptureOption[];
}

/** Free room below this share of the disk is alignment and not worth a place in the picture. */
const SHOWN_SHARE = 0.01;
/** Partition tables have at most 128 entries by convention; a hostile machine may send more. */
const MAX_PARTS = 256;
/** Characters of a name, and of a reason or remedy, which is a sentence or two. */
const LONGEST_NAME = 100;
const LONGEST_WORDS = 1000;

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

/** The partitions that a capture would be refused for; none if there are none, or nobody knows. */
export function readRefusals(contents: unknown): Refusal[] {
  const root = asRecord(typeof contents === 'string' ? parseJson(contents) : contents);
  if (root === null || !Array.isArray(root.partitions)) return [];
  return root.partitions
    .slice(0, MAX_PARTS)
    .map(asRecord)
    .filter((part) => part !== null && part.state === 'refused')
    .map((part) => ({
      number: number(part?.number) ?? 0,
      filesystem: text(part?.filesystem),
      reason: text(part?.reason, LONGEST_WORDS),
      remedy: text(part?.remedy, LONGEST_WORDS),
      options: readOptions(part?.options),
    }));
}

function readOptions(value: unknown): CaptureOption[] {
  const named: unknown[] = Array.isArray(value) ? value : [];
  return OPTIONS.filter(([name]) => named.includes(name)).map(([, option]) => option);
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

function text(value: unknown, longest = LONGEST_NAME): string {
  return typeof value === 'string' ? value.slice(0, longest) : '';
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return null;
  }
}
