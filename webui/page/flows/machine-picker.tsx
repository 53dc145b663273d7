/** Finds machines and takes them into a job. */
import { Button, SearchInput } from '@patternfly/react-core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { machinesQuery } from '../api/queries';
import type { Machine } from '../api/types';
import { useLanguage } from '../language/language';
import { Loading, Problem } from '../layout/state';
import { isUnnamed, machineModel } from '../machines/machine-text';

interface Props {
  /** Machines that are in already. */
  taken: readonly string[];
  onTake: (machine: Machine) => void;
}

/** A search and its first results. */
export function MachinePicker({ taken, onTake }: Props) {
  const { t, format } = useLanguage();
  const [search, setSearch] = useState('');
  const list = useInfiniteQuery(machinesQuery({ q: search.trim() }));
  const machines = (list.data?.pages ?? []).flatMap((page) => page.items).filter((machine) => !taken.includes(machine.id));
  return (
    <div className="amorce-picker">
      <SearchInput
        aria-label={t('machines.search')}
        placeholder={t('machines.search')}
        resetButtonLabel={t('machines.clear-search')}
        value={search}
        onChange={(_, value) => setSearch(value)}
        onClear={() => setSearch('')}
      />
      {list.isPending && <Loading />}
      {list.isError && <Problem error={list.error} retry={() => void list.refetch()} />}
      {list.isSuccess && machines.length === 0 && <p className="amorce-quiet">{t('picker.none')}</p>}
      <ul className="amorce-picker-list">
        {machines.map((machine) => (
          <li key={machine.id}>
            <Button variant="secondary" size="sm" onClick={() => onTake(machine)} aria-label={t('picker.take', { name: machine.label })}>
              {t('picker.add')}
            </Button>
            <span>
              <span className="amorce-strong">{machine.label}</span>{' '}
              <span className="amorce-quiet">
                {[
                  machineModel(machine),
                  isUnnamed(machine) ? '' : machine.macs[0],
                  machine.facts.disks.length > 0 ? format.bytes(machine.facts.disks[0]?.identity.size ?? 0) : '',
                ]
                  .filter((word) => word !== undefined && word !== '')
                  .join(' · ')}
              </span>
            </span>
          </li>
        ))}
      </ul>
      {list.hasNextPage && (
        <Button variant="link" isLoading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {t('picker.more')}
        </Button>
      )}
    </div>
  );
}
