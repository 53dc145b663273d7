/** The machines of a restore, each with the disk it concerns and what stands against it. */
import { Button, FormSelect, FormSelectOption } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import type { DiskFacts, Machine, PreflightRemark } from '../api/types';
import { useLanguage } from '../language/language';
import { readDiskContents } from '../machines/disk-contents';
import { candidateDisks, diskKey, machineModel } from '../machines/machine-text';
import { type Remark, targetDisk } from './preflight';
import { Remarks } from './remarks';

interface Props {
  checked: { machine: Machine; remarks: Remark[]; further: PreflightRemark[] }[];
  named: DiskFacts | null;
  onName: (disk: DiskFacts | null) => void;
  onRemove: (ids: string[]) => void;
}

/** The preflight table. */
export function RestoreTargets({ checked, named, onName, onRemove }: Props) {
  const { t } = useLanguage();
  const stopped = checked.filter(({ remarks, further }) => [...remarks, ...further].some((remark) => remark.weight === 'stop'));
  return (
    <>
      <Table aria-label={t('restore.machines')} variant="compact" gridBreakPoint="grid-lg">
        <Thead>
          <Tr>
            <Th width={25}>{t('machines.name')}</Th>
            <Th width={25}>{t('restore.disk')}</Th>
            <Th>{t('restore.remarks')}</Th>
            <Th screenReaderText={t('machines.actions')} />
          </Tr>
        </Thead>
        <Tbody>
          {checked.map(({ machine, remarks, further }) => (
            <Tr key={machine.id}>
              <Td dataLabel={t('machines.name')}>
                <div>
                  <span className="amorce-strong">{machine.label}</span>
                  <div className="amorce-quiet">{machineModel(machine)}</div>
                </div>
              </Td>
              <Td dataLabel={t('restore.disk')}>
                <Target machine={machine} named={named} choosable={checked.length === 1} onName={onName} />
              </Td>
              <Td dataLabel={t('restore.remarks')}>
                <Remarks remarks={remarks} further={further} />
              </Td>
              <Td className="amorce-actions">
                <Button
                  variant="link"
                  size="sm"
                  onClick={() => onRemove([machine.id])}
                  aria-label={t('restore.remove-name', { name: machine.label })}
                >
                  {t('restore.remove')}
                </Button>
              </Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      {stopped.length > 0 && stopped.length < checked.length && (
        <Button variant="secondary" onClick={() => onRemove(stopped.map(({ machine }) => machine.id))}>
          {t('restore.remove-stopped', { count: stopped.length })}
        </Button>
      )}
    </>
  );
}

function Target({ machine, named, choosable, onName }: { machine: Machine; named: DiskFacts | null; choosable: boolean; onName: (disk: DiskFacts | null) => void }) {
  const { t, format } = useLanguage();
  const { disks } = machine.facts;
  const describe = (disk: DiskFacts) =>
    [disk.identity.model ?? disk.name, format.bytes(disk.identity.size), disk.usb ? t('disk.usb') : '']
      .filter((word) => word !== '')
      .join(' · ');
  const target = targetDisk(machine, named);
  const there = target === null ? null : readDiskContents(target.contents, target.identity.size);
  const partitions = there?.parts.filter((part) => part.number > 0).length ?? 0;
  return (
    <div>
      {choosable && disks.length > 1 ? (
        <FormSelect
          aria-label={t('restore.disk')}
          value={named === null ? '' : diskKey(named)}
          onChange={(_, value) => onName(disks.find((disk) => diskKey(disk) === value) ?? null)}
        >
          <FormSelectOption value="" label={candidateDisks(machine).length === 1 ? t('flow.disk-only') : t('flow.disk-later')} />
          {disks.map((disk) => (
            <FormSelectOption key={diskKey(disk)} value={diskKey(disk)} label={`${disk.name} · ${describe(disk)}`} />
          ))}
        </FormSelect>
      ) : (
        <span>{target === null ? t(disks.length === 0 ? 'machine.no-disk' : 'flow.disk-later') : describe(target)}</span>
      )}
      {target !== null && there !== null && (
        <div className="amorce-quiet">{partitions === 0 ? t('disk.empty') : t('restore.holds', { count: partitions })}</div>
      )}
    </div>
  );
}
