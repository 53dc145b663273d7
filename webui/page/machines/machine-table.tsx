/** The table of machines: a table on a wide screen, a list of cards on a phone. */
import { Button, Label } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { Link } from 'react-router';
import type { Machine } from '../api/types';
import { useLanguage } from '../language/language';
import { ExclamationTriangleIcon, PencilAltIcon } from '../layout/icons';
import { Moment } from '../layout/moment';
import { MachineStateLabel } from './machine-state';
import { candidateDisks, isUnnamed, machineModel } from './machine-text';

interface Props {
  machines: Machine[];
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
  onName: (machine: Machine) => void;
}

/** Rows that can be chosen one by one, or all that are shown. */
export function MachineTable({ machines, chosen, onChoose, onName }: Props) {
  const { t, format } = useLanguage();
  const allShown = machines.every((machine) => chosen.has(machine.id));
  const choose = (ids: string[], wanted: boolean) => {
    const next = new Set(chosen);
    for (const id of ids) {
      if (wanted) next.add(id);
      else next.delete(id);
    }
    onChoose(next);
  };
  return (
    <Table aria-label={t('machines.title')} variant="compact" gridBreakPoint="grid-lg">
      <Thead>
        <Tr>
          <Th
            aria-label={t('machines.choose-shown')}
            select={{
              isSelected: allShown,
              onSelect: (_, wanted) => choose(machines.map((machine) => machine.id), wanted),
            }}
          />
          <Th>{t('machines.name')}</Th>
          <Th>{t('machines.state')}</Th>
          <Th modifier="nowrap">{t('machines.disks')}</Th>
          <Th>{t('machines.adapter')}</Th>
          <Th modifier="nowrap">{t('machines.seen')}</Th>
        </Tr>
      </Thead>
      <Tbody>
        {machines.map((machine, row) => (
          <Tr key={machine.id} isRowSelected={chosen.has(machine.id)}>
            <Td
              select={{
                rowIndex: row,
                isSelected: chosen.has(machine.id),
                onSelect: (_, wanted) => choose([machine.id], wanted),
                props: { 'aria-label': t('machines.choose', { name: machine.label }) },
              }}
            />
            <Td dataLabel={t('machines.name')}>
              <div>
                <Link to={`/machines/${machine.id}`} className="amorce-strong">
                  {machine.label}
                </Link>{' '}
                <Button
                  variant={isUnnamed(machine) ? 'secondary' : 'plain'}
                  size="sm"
                  className="amorce-name-button"
                  icon={isUnnamed(machine) ? undefined : <PencilAltIcon />}
                  onClick={() => onName(machine)}
                  aria-label={t(isUnnamed(machine) ? 'name.button-for' : 'name.title-again', { name: machine.label })}
                >
                  {isUnnamed(machine) ? t('name.button') : undefined}
                </Button>{' '}
                {machine.warnings.length + machine.facts.warnings.length > 0 && (
                  <Label isCompact color="orange" icon={<ExclamationTriangleIcon />}>
                    {t('machine.warnings', { count: machine.warnings.length + machine.facts.warnings.length })}
                  </Label>
                )}
                <div className="amorce-quiet">{machineModel(machine)}</div>
              </div>
            </Td>
            <Td dataLabel={t('machines.state')}>
              <div>
                <MachineStateLabel machine={machine} />
              </div>
            </Td>
            <Td dataLabel={t('machines.disks')} modifier="nowrap" className="amorce-wide-only">
              {candidateDisks(machine).length === 0
                ? t('machine.no-disk')
                : format.list(candidateDisks(machine).map((disk) => format.bytes(disk.identity.size)))}
            </Td>
            <Td dataLabel={t('machines.adapter')} modifier="nowrap" className={isUnnamed(machine) ? undefined : 'amorce-wide-only'}>
              <span className="amorce-code">{machine.macs.join(' ')}</span>
            </Td>
            <Td dataLabel={t('machines.seen')} modifier="nowrap">
              <Moment at={machine.last_seen_at} />
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}
