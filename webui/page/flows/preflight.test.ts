import { expect, test } from 'vitest';
import { disk, machine, makeWorld } from '../../mock/world.mjs';
import { masterNameFault } from './master-name';
import { captureOptions, captureRemarks, furtherRemarks, restoreRemarks, targetDisk } from './preflight';

const version = makeWorld('school').masters[0]?.versions[0];
if (version === undefined) throw new Error('the pretended school has a master');
const codes = (remarks: { code: string; weight: string }[]) => remarks.map((remark) => `${remark.weight} ${remark.code}`);
const ready = (disks = [disk('sda', 240)]) => machine({ n: 1, connected: true, disks });

test('a machine that fits has no remark', () => {
  expect(restoreRemarks(ready(), version, null)).toEqual([]);
});

test('a disk smaller than the smallest that the master fits on stops the restore, and both sizes are named', () => {
  const [remark] = restoreRemarks(ready([disk('sda', 120)]), version, null);
  expect(remark).toMatchObject({ code: 'too-small', weight: 'stop', have: 120e9, need: version.bytes_smallest_target });
});

test('a disk smaller than the original that the master still fits on is only a note', () => {
  expect(codes(restoreRemarks(ready([disk('sda', 239.9)]), version, null))).toEqual(['note smaller']);
});

test('a damaged version stops every restore', () => {
  expect(codes(restoreRemarks(ready(), { ...version, damaged: 'segment 3 is damaged' }, null))).toEqual(['stop damaged']);
});

test('a larger disk is only a note', () => {
  expect(codes(restoreRemarks(ready([disk('sda', 500)]), version, null))).toEqual(['note larger']);
});

test('other sectors stop the restore whatever the size', () => {
  expect(codes(restoreRemarks(ready([disk('sda', 500, { sector_size: 4096 })]), version, null))).toEqual(['stop sector-size']);
});

test('several disks are a question, a USB disk is none of them, and a named one is the answer', () => {
  const two = [disk('sda', 240), disk('sdb', 240)];
  expect(codes(restoreRemarks(ready(two), version, null))).toEqual(['warning several-disks']);
  expect(restoreRemarks(ready(two), version, two[1] ?? null)).toEqual([]);
  expect(targetDisk(ready([disk('sda', 240), disk('sdb', 64, { usb: true })]), null)?.name).toBe('sda');
});

test('no disk, a ban, a read-only or used disk stop the restore', () => {
  expect(codes(restoreRemarks(ready([]), version, null))).toEqual(['stop no-disk']);
  expect(codes(restoreRemarks({ ...ready(), quarantined: true }, version, null))).toEqual(['stop quarantined']);
  expect(codes(restoreRemarks(ready([disk('sda', 240, { read_only: true, in_use: true })]), version, null))).toEqual(['stop read-only', 'stop in-use']);
});

test('an MBR master on a UEFI machine is a warning', () => {
  expect(codes(restoreRemarks(ready(), { ...version, scheme: 'mbr' }, null))).toEqual(['warning firmware-mbr']);
});

test('a capture reads, so a used disk is a warning only, and a machine elsewhere has to be booted', () => {
  const remarks = captureRemarks({ ...ready([disk('sda', 240, { in_use: true })]), connected: false }, null, []);
  expect(codes(remarks)).toEqual(['warning in-use', 'note asleep']);
});

test('a disk that a capture would refuse is said before anything is asked for, with what to do', () => {
  const partitions = [
    { number: 1, length: 5e8, filesystem: 'FAT32', state: 'mapped', used: 1 },
    { number: 3, length: 2e11, filesystem: 'NTFS', state: 'refused', reason: 'Windows is hibernated', remedy: 'shut it down' },
  ];
  const hibernated = ready([disk('sda', 240, { contents: JSON.stringify({ table: 'gpt', partitions }) })]);
  const [remark] = captureRemarks(hibernated, null, []);
  expect(remark).toMatchObject({ code: 'refused', weight: 'stop' });
  expect(remark?.refusal).toEqual({ number: 3, filesystem: 'NTFS', reason: 'Windows is hibernated', remedy: 'shut it down', options: [] });
  expect(captureOptions(hibernated, null)).toEqual([]);
  for (const contents of [null, '', '{', '[]', '{"partitions": [null, 3, {"state": "refused"}]}']) {
    expect(captureRemarks(ready([disk('sda', 240, { contents })]), null, []).length).toBe(contents?.includes('refused') === true ? 1 : 0);
  }
  // A restore overwrites it.
  expect(restoreRemarks(hibernated, version, null)).toEqual([]);
});

test('exactly what would help is offered, and a capture goes ahead once every refusal is overruled', () => {
  const hibernated = { number: 3, state: 'refused', filesystem: 'NTFS', reason: 'hibernated', remedy: 'x'.repeat(400), options: ['--as raw', '--drop-hibernation', '--force', 7] };
  const encrypted = { number: 4, state: 'refused', filesystem: 'BitLocker', reason: 'encrypted', remedy: 'y', options: ['--as raw'] };
  const withParts = (...partitions: unknown[]) => ready([disk('sda', 240, { contents: JSON.stringify({ table: 'gpt', partitions }) })]);
  const both = withParts(hibernated, encrypted);
  expect(captureOptions(withParts(hibernated), null)).toEqual(['drop-hibernation', 'as-raw']);
  expect(captureOptions(withParts(encrypted), null)).toEqual(['as-raw']);
  expect(captureOptions(ready(), null)).toEqual([]);
  expect(codes(captureRemarks(both, null, []))).toEqual(['stop refused', 'stop refused']);
  expect(codes(captureRemarks(both, null, ['drop-hibernation']))).toEqual(['stop refused', 'warning overruled']);
  expect(codes(captureRemarks(both, null, ['as-raw']))).toEqual(['warning overruled', 'warning overruled']);
  expect(captureRemarks(both, null, [])[0]?.refusal?.remedy.length).toBe(400);
});

test('a master’s name keeps to the appliance’s rule', () => {
  for (const name of ['a/b', 'a\\b', 'a@1', 'a\u0007']) expect(masterNameFault(name), name).toBe('characters');
  expect(masterNameFault('.hidden')).toBe('dot');
  expect(masterNameFault('')).toBe('empty');
  expect(masterNameFault('Salle 12 – été')).toBeNull();
});

test('what the appliance says is shown once: its own words stand back where this page has better ones', () => {
  const theirs = ['disk-too-small', 'hibernated', 'offline'].map((code) => ({ weight: 'warning' as const, problem: { code, title: code, remedy: '' } }));
  const codes = furtherRemarks(theirs, [{ code: 'too-small', weight: 'stop' }]).map(({ problem }) => problem.code);
  expect(codes).toEqual(['hibernated', 'offline']);
});
