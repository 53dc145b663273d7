/** Every machine that was ever seen: found, named, chosen for work. */
import { Alert, Button, PageSection } from '@patternfly/react-core';
import { keepPreviousData, useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { useNavigate } from 'react-router';
import { machinesQuery, PAGE_SIZE } from '../api/queries';
import type { Machine } from '../api/types';
import { useLanguage } from '../language/language';
import { PageHeading } from '../layout/heading';
import { SearchIcon } from '../layout/icons';
import { Pager } from '../layout/pager';
import { SearchField } from '../layout/search-field';
import { Loading, Nothing, Problem } from '../layout/state';
import { BulkActions } from './bulk-actions';
import { ExportMenu } from './export-menu';
import { FilterBar, FilterLabels } from './filter-bar';
import { FirstSteps } from './first-steps';
import { toQuery, useMachineFilters } from './machine-filters';
import { MachineTable } from './machine-table';
import { NameMachine } from './name-machine';
import { allMatching, SELECTION_MAX } from './select-all';

/** The list with its search, its filters and its bulk actions. */
export function MachinesPage() {
  const { t } = useLanguage();
  const navigate = useNavigate();
  const { filters, change, narrowed } = useMachineFilters();
  const [now] = useState(() => Date.now());
  const asked = toQuery(filters, now);
  const words = JSON.stringify(asked);
  const list = useInfiniteQuery({ ...machinesQuery(asked), placeholderData: keepPreviousData });
  const [place, setPlace] = useState({ words, page: 0 });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [naming, setNaming] = useState<Machine | null>(null);
  const all = useMutation({ mutationFn: () => allMatching(asked), onSuccess: (ids) => setChosen(new Set(ids)) });
  const setSearch = useCallback((q: string) => change({ q }), [change]);

  // Another question begins at its first page.
  if (place.words !== words) setPlace({ words, page: 0 });
  const page = place.words === words ? place.page : 0;
  const shown = list.data?.pages[Math.min(page, list.data.pages.length - 1)];
  const machines = shown?.items ?? [];
  const total = list.data?.pages.at(-1)?.total ?? 0;
  const goTo = (next: number) => {
    const arrive = () => setPlace({ words, page: next });
    if (next < (list.data?.pages.length ?? 0)) arrive();
    else void list.fetchNextPage().then(arrive);
  };
  const shownAreChosen = machines.length > 0 && machines.every((machine) => chosen.has(machine.id));
  const nothingYet = list.isSuccess && total === 0 && !narrowed && !list.isPlaceholderData;

  return (
    <>
      <PageHeading
        title={t('machines.title')}
        about={nothingYet ? undefined : t('machines.about')}
        actions={
          <span className="amorce-buttons">
            <Button variant="secondary" onClick={() => void navigate('/machines/import')}>
              {t('import.open')}
            </Button>
            {!nothingYet && <ExportMenu filters={asked} />}
          </span>
        }
      />
      <PageSection hasBodyWrapper={false} isFilled aria-label={t('machines.title')}>
        {nothingYet ? (
          <FirstSteps />
        ) : (
          <>
            <div className="amorce-bar">
              <div className="amorce-search">
                <SearchField label={t('machines.search')} value={filters.q} onChange={setSearch} />
              </div>
              <FilterBar filters={filters} change={change} />
            </div>
            <FilterLabels filters={filters} change={change} />
            <div className="amorce-bar amorce-bulk">
              <BulkActions chosen={chosen} machines={machines} />
              <span className="amorce-count" role="status">
                {chosen.size === 0
                  ? list.isSuccess && t('machines.count', { count: total })
                  : t('machines.chosen', { count: chosen.size, total })}
              </span>
              {shownAreChosen && chosen.size < Math.min(total, SELECTION_MAX) && (
                <Button variant="link" isInline isLoading={all.isPending} onClick={() => all.mutate()}>
                  {t('machines.choose-all', { count: Math.min(total, SELECTION_MAX) })}
                </Button>
              )}
              {chosen.size > 0 && (
                <Button variant="link" isInline onClick={() => setChosen(new Set())}>
                  {t('machines.choose-none')}
                </Button>
              )}
            </div>
            {all.isError && <Problem error={all.error} />}
            {chosen.size === SELECTION_MAX && total > SELECTION_MAX && (
              <Alert variant="info" isInline isPlain title={t('machines.choose-most', { count: SELECTION_MAX })} />
            )}
            {list.isPending && <Loading />}
            {list.isError && <Problem error={list.error} retry={() => void list.refetch()} />}
            {list.isSuccess && machines.length === 0 && (
              <Nothing
                title={filters.q === '' ? t('machines.none-narrowed') : t('machines.none-found', { search: filters.q })}
                icon={SearchIcon}
                actions={
                  <Button variant="link" onClick={() => change({ q: '', is: [], firmware: '', silent: '', place: '' })}>
                    {t('filter.clear')}
                  </Button>
                }
              >
                {t('machines.none-found-about')}
              </Nothing>
            )}
            {machines.length > 0 && (
              <MachineTable machines={machines} chosen={chosen} onChoose={setChosen} onName={setNaming} />
            )}
            <Pager
              page={page}
              size={PAGE_SIZE}
              rows={machines.length}
              total={total}
              hasNext={(page + 1) * PAGE_SIZE < total && (list.hasNextPage || page + 1 < (list.data?.pages.length ?? 0))}
              isLoading={list.isFetchingNextPage}
              onPage={goTo}
            />
          </>
        )}
      </PageSection>
      {naming !== null && <NameMachine machine={naming} onClose={() => setNaming(null)} />}
    </>
  );
}
