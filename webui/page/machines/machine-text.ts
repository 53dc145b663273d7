/** What is said of a machine and its disks, from the facts its agent found. */
import type { DiskFacts, Machine } from '../api/types';

/** Vendors' words that say nothing. */
const SAYS_NOTHING = /^(to be filled by o\.?e\.?m\.?|default string|not specified|system (product name|manufacturer)|n\/a|none|unknown)?$/i;

/** Maker and model, as far as the firmware names them. */
export function machineModel(machine: Machine): string {
  const { manufacturer, product } = machine.facts.smbios;
  const words = [manufacturer, product].map((word) => word.trim()).filter((word) => !SAYS_NOTHING.test(word));
  // "Dell Inc. Dell OptiPlex": some firmware names the maker twice.
  if (words.length === 2 && words[1]?.toLowerCase().startsWith(words[0]?.toLowerCase() ?? '')) return words[1];
  return words.join(' ');
}

/** Disks that a job may take without their being named: not USB, not removable, not an eMMC's boot area. */
export function candidateDisks(machine: Machine): DiskFacts[] {
  return machine.facts.disks.filter((disk) => !disk.usb && !disk.removable && !disk.boot_area);
}

/** What tells one disk from another on the screen and in forms. */
export function diskKey(disk: DiskFacts): string {
  const { wwn, serial, model, bus_path, size } = disk.identity;
  return JSON.stringify([wwn ?? '', serial ?? '', model ?? '', bus_path ?? '', size, disk.name]);
}

/** Whether a person still has to say which machine this is. */
export function isUnnamed(machine: Machine): boolean {
  return machine.name === undefined || machine.name === null || machine.name === '';
}
