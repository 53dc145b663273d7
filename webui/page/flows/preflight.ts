/** What can be said before a job starts, from what is known of machine and master. Pure: facts in, remarks out. */
import type { DiskFacts, Machine, MasterVersion, PreflightRemark } from '../api/types';
import { type CaptureOption, type Refusal, readRefusals } from '../machines/disk-contents';
import { candidateDisks } from '../machines/machine-text';

/** What a remark says; the page has its words and its remedy under this code. */
export type RemarkCode =
  | 'damaged'
  | 'refused'
  | 'overruled'
  | 'no-disk'
  | 'quarantined'
  | 'read-only'
  | 'in-use'
  | 'too-small'
  | 'sector-size'
  | 'several-disks'
  | 'smaller'
  | 'larger'
  | 'firmware-mbr'
  | 'firmware-gpt'
  | 'busy'
  | 'asleep';

/** A remark and how much it weighs: a `stop` will certainly fail, a `warning` wants a thought, a `note` is good to know. */
export interface Remark {
  code: RemarkCode;
  weight: 'stop' | 'warning' | 'note';
  /** Sizes in bytes that its words name. */
  have?: number;
  need?: number;
  /** What its words name of a partition that cannot be captured as it is. */
  refusal?: Refusal;
}

const WEIGHTS = { stop: 0, warning: 1, note: 2 } as const;

/** The disk a job will take: the one named, or the only one that may be taken unnamed. */
export function targetDisk(machine: Machine, named: DiskFacts | null): DiskFacts | null {
  if (named !== null) return named;
  const candidates = candidateDisks(machine);
  return candidates.length === 1 ? (candidates[0] ?? null) : null;
}

/** Remarks on a restore, the heaviest first. */
export function restoreRemarks(machine: Machine, version: MasterVersion | null, named: DiskFacts | null): Remark[] {
  const remarks = machineRemarks(machine, named);
  const disk = targetDisk(machine, named);
  if (isDamaged(version)) remarks.push({ code: 'damaged', weight: 'stop' });
  if (disk !== null) {
    if (disk.read_only) remarks.push({ code: 'read-only', weight: 'stop' });
    if (disk.in_use) remarks.push({ code: 'in-use', weight: 'stop' });
    if (version !== null) remarks.push(...fitRemarks(disk, version));
  }
  if (version !== null && version.scheme === 'mbr' && machine.facts.firmware !== 'bios') {
    remarks.push({ code: 'firmware-mbr', weight: 'warning' });
  }
  if (version !== null && version.scheme === 'gpt' && machine.facts.firmware === 'bios') {
    remarks.push({ code: 'firmware-gpt', weight: 'note' });
  }
  return byWeight(remarks);
}

/** Whether a version is known not to be restorable. */
export function isDamaged(version: MasterVersion | null): boolean {
  return version?.damaged !== undefined && version.damaged !== null && version.damaged !== '';
}

/** Remarks on a capture with the options that were chosen, the heaviest first. */
export function captureRemarks(machine: Machine, named: DiskFacts | null, chosen: readonly CaptureOption[]): Remark[] {
  const remarks = machineRemarks(machine, named);
  const disk = targetDisk(machine, named);
  if (disk?.in_use === true) remarks.push({ code: 'in-use', weight: 'warning' });
  for (const refusal of readRefusals(disk?.contents)) {
    const isOverruled = refusal.options.some((option) => chosen.includes(option));
    remarks.push(isOverruled ? { code: 'overruled', weight: 'warning', refusal } : { code: 'refused', weight: 'stop', refusal });
  }
  return byWeight(remarks);
}

/** The options that would let a refused capture go ahead, and no others: the mildest first. */
export function captureOptions(machine: Machine, named: DiskFacts | null): CaptureOption[] {
  const refusals = readRefusals(targetDisk(machine, named)?.contents);
  const helpful = (option: CaptureOption) => refusals.some((refusal) => refusal.options.includes(option));
  return (['drop-hibernation', 'as-raw'] as const).filter(helpful);
}

function machineRemarks(machine: Machine, named: DiskFacts | null): Remark[] {
  const remarks: Remark[] = [];
  const candidates = candidateDisks(machine);
  if (machine.quarantined) remarks.push({ code: 'quarantined', weight: 'stop' });
  if (named === null && candidates.length === 0) remarks.push({ code: 'no-disk', weight: 'stop' });
  if (named === null && candidates.length > 1) remarks.push({ code: 'several-disks', weight: 'warning' });
  if (machine.job !== undefined && machine.job !== null) remarks.push({ code: 'busy', weight: 'note' });
  if (!machine.connected) remarks.push({ code: 'asleep', weight: 'note' });
  return remarks;
}

function fitRemarks(disk: DiskFacts, version: MasterVersion): Remark[] {
  const have = disk.identity.size;
  if (disk.sector_size !== version.sector_size) {
    return [{ code: 'sector-size', weight: 'stop', have: disk.sector_size, need: version.sector_size }];
  }
  const smallest = version.bytes_smallest_target;
  if (have < smallest) return [{ code: 'too-small', weight: 'stop', have, need: smallest }];
  if (have < version.bytes_disk) return [{ code: 'smaller', weight: 'note', have, need: version.bytes_disk }];
  if (have > version.bytes_disk) return [{ code: 'larger', weight: 'note', have, need: version.bytes_disk }];
  return [];
}

function byWeight(remarks: Remark[]): Remark[] {
  return remarks.sort((left, right) => WEIGHTS[left.weight] - WEIGHTS[right.weight]);
}

/** What the appliance calls a thing that this page says itself, with its figures and in the reader's language. */
const SAID_HERE: Record<string, RemarkCode> = {
  'disk-too-small': 'too-small',
  'sector-size': 'sector-size',
  'disk-read-only': 'read-only',
  'disk-in-use': 'in-use',
  'disk-ambiguous': 'several-disks',
  'disk-missing': 'no-disk',
  quarantined: 'quarantined',
  busy: 'busy',
  offline: 'asleep',
};

/** What the appliance knows further of a machine: all that is not said here already. */
export function furtherRemarks(theirs: readonly PreflightRemark[], ours: readonly Remark[]): PreflightRemark[] {
  return theirs.filter(({ problem }) => !ours.some((remark) => remark.code === SAID_HERE[problem.code]));
}
