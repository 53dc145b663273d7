// A pretended site: machines, masters and jobs that look like a school's, for development, tests and screenshots.
/** @typedef {import('../page/api/types').Machine} Machine */
/** @typedef {import('../page/api/types').DiskFacts} DiskFacts */
/** @typedef {import('../page/api/types').Job} Job */
/** @typedef {import('../page/api/types').JobMachine} JobMachine */
/** @typedef {import('../page/api/types').JobState} JobState */
/** @typedef {import('../page/api/types').Master} Master */
/** @typedef {import('../page/api/types').Step} Step */

const GB = 1_000_000_000;
const minute = 60_000;

/** @param {number} ms */
export const ago = (ms) => new Date(Date.now() - ms).toISOString();

let counter = 0;
/** An id in the shape of the appliance's. */
export const newId = () => `0193a5c2-7d4e-7b11-9c3a-${(++counter).toString(16).padStart(12, '0')}`;

/** @param {string} scheme @param {[number, string, string, number, number, number][]} parts */
const contents = (scheme, parts) =>
  JSON.stringify({
    scheme,
    partitions: parts.map(([number, label, filesystem, offset, bytes_size, bytes_used]) => ({ number, label, filesystem, offset, bytes_size, bytes_used })),
  });

/** @param {number} size */
const debian = (size) =>
  contents('gpt', [
    [1, 'EFI System', 'vfat', 1_048_576, 536_870_912, 6_291_456],
    [2, 'racine', 'ext4', 537_919_488, size - 4.6 * GB, Math.round(size * 0.11)],
    [3, 'swap', 'swap', size - 4 * GB, 3.99 * GB, 0],
  ]);

/** A disk whose Windows sleeps, as `imager inspect --json` says it. */
export const hibernated = JSON.stringify({
  table: 'gpt',
  partitions: [
    { number: 1, start: 1_048_576, length: 104_857_600, filesystem: 'FAT32', label: 'EFI', state: 'mapped', used: 30_000_000 },
    {
      number: 3,
      start: 122_683_392,
      length: 239 * GB,
      filesystem: 'NTFS',
      label: 'Windows',
      state: 'refused',
      reason: 'Windows is hibernated on it, or was shut down with fast startup',
      remedy: 'start Windows and shut it down completely (shutdown /s /t 0; powercfg /h off switches both off for good), then capture again',
      options: ['--as raw', '--drop-hibernation'],
    },
  ],
});

/** @param {string} name @param {number} gb @param {Partial<DiskFacts>} [more] @returns {DiskFacts} */
export function disk(name, gb, more = {}) {
  return {
    name,
    identity: { wwn: null, serial: `S4EVNX0${name.length}${gb}`, model: name.startsWith('nvme') ? 'SAMSUNG MZVLB256' : 'ST500DM002', bus_path: 'pci-0000:00:17.0-ata-1', size: gb * GB },
    sector_size: 512,
    usb: false,
    removable: false,
    boot_area: false,
    read_only: false,
    in_use: false,
    bootable: true,
    contents: debian(gb * GB),
    ...more,
  };
}

/** @param {Partial<Machine> & { n: number, disks?: DiskFacts[], product?: string, warnings?: string[] }} wish @returns {Machine} */
export function machine({ n, disks, product = 'OptiPlex 3060', ...more }) {
  const mac = n < 256 ? `54:bf:64:0a:1c:${n.toString(16).padStart(2, '0')}` : `54:bf:64:0b:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;
  return {
    id: newId(),
    name: null,
    label: more.name ?? `OptiPlex 3060 ${mac}`,
    macs: [mac],
    facts: {
      smbios: { uuid: `4c4c4544-0042-3510-8054-b7c04f4e36${n.toString(16).padStart(2, '0')}`, manufacturer: 'Dell Inc.', product, serial: `7XK2R${n}`, board_serial: `/7XK2R${n}/CNWS2001A2/`, bios: 'Dell Inc. 1.14.0 2024-03-01' },
      firmware: 'uefi-secure-boot',
      cpu: 'Intel(R) Core(TM) i5-8500 CPU @ 3.00GHz',
      cpu_count: 6,
      memory: 8_215_552_000,
      nics: [{ name: 'enp1s0', mac, driver: 'r8169', usb: false, link: true, booted: true }],
      disks: disks ?? [disk('nvme0n1', 256)],
      warnings: [],
    },
    warnings: [],
    quarantined: false,
    nothing_bootable: false,
    connected: false,
    first_seen_at: ago(40 * 24 * 60 * minute),
    last_seen_at: ago(n * 7 * minute),
    inventoried_at: ago(n * 7 * minute),
    note: '',
    revision: 1,
    job: null,
    ...more,
  };
}

/** A master of which nobody wrote anything. @param {string} name */
export const plainMaster = (name) => ({ name, label: '', description: '', in_menu: false, protected: false, revision: 1 });

/** @param {string} name @param {number[]} versions @param {number} gb @returns {Master} */
function master(name, versions, gb) {
  return {
    ...plainMaster(name),
    versions: versions.map((version, index) => ({
      name,
      version,
      created_at: ago((index * 38 + 2) * 24 * 60 * minute),
      bytes_disk: gb * GB,
      bytes_smallest_target: (gb - 1) * GB,
      bytes_used: (28.4 + version) * GB,
      damaged: null,
      notes: [],
      sector_size: 512,
      scheme: 'gpt',
      partitions: [
        { number: 1, label: 'EFI System', filesystem: 'fat32', kind: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b', bytes_size: 536_870_912, bytes_used: 6_291_456 },
        { number: 2, label: 'racine', filesystem: 'ext4', kind: '0fc63daf-8483-4772-8e79-3d69d8477de4', bytes_size: gb * GB - 5 * GB, bytes_used: (28 + version) * GB },
        { number: 3, label: 'swap', filesystem: 'swap', kind: '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f', bytes_size: 4 * GB, bytes_used: 0 },
      ],
    })),
  };
}

/** A whole site. `scene`: `first-run` (no administrator), `empty` (nothing seen yet), `school`, or `large`: ten thousand machines. @param {string} scene */
export function makeWorld(scene) {
  const school = scene === 'school' || scene === 'large';
  /** @type {Machine[]} */
  const machines = school
    ? [
        machine({ n: 1, connected: true, nothing_bootable: true, disks: [disk('sda', 500, { bootable: false, contents: contents('none', []) })], label: 'OptiPlex 3060 54:bf:64:0a:1c:01', last_seen_at: ago(5_000) }),
        ...Array.from({ length: 8 }, (_, index) => machine({ n: index + 2, name: `S204-0${index + 1}` })),
        machine({ n: 20, name: 'CDI-accueil', product: 'Precision 3440', disks: [disk('nvme0n1', 256), disk('sda', 500, { bootable: false })] }),
        machine({ n: 21, name: 'Labo-langues-poste-professeur', disks: [disk('sda', 120)], warnings: ['the UUID is also that of another record; it was told apart by its network address'] }),
        machine({ n: 22, name: 'Atelier-03', quarantined: true }),
      ]
    : [];
  if (scene === 'large') {
    for (let n = machines.length; n < 10_000; n += 1) machines.push(machine({ n, name: `E${String(Math.floor(n / 30)).padStart(3, '0')}-${String(n % 30).padStart(2, '0')}` }));
  }
  const masters = school ? [master('Debian 12 salle info', [3, 2, 1], 240), master('Poste CDI', [1], 500)] : [];
  return { machines, masters, settings: { unknown_machines: /** @type {'inventory' | 'ignore'} */ ('inventory'), language: /** @type {'fr' | 'en'} */ ('fr') } };
}
