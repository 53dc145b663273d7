/** Every machine that was ever seen: found, named, chosen for work. */
import {
  Button,
  Content,
  PageSection,
  SearchInput,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from '@patternfly/react-core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { machinesQuery } from '../api/queries';
import type { Machine } from '../api/types';
import { useLanguage } from '../language/language';
import { PageHeading } from '../layout/heading';
import { Loading, Nothing, Problem } from '../layout/state';
import { SearchIcon } from '../layout/icons';
import { FirstSteps } from './first-steps';
import { MachineTable } from './machine-table';
import { NameMachine } from './name-machine';

const SEARCH_PAUSE_MS = 250;

/** The list with its search and its bulk actions. */
export function MachinesPage() {
  const { t } = useLanguage();
  const navigate = useNavigate();
  const [words, setWords] = useSearchParams();
  const search = words.get('q') ?? '';
  const list = useInfiniteQuery(machinesQuery(search));
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [naming, setNaming] = useState<Machine | null>(null);

  const machines = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? [], [list.data]);
  const total = list.data?.pages[0]?.total ?? 0;
  const ids = [...chosen];

  const setSearch = (text: string) =>
    setWords(
      (old) => {
        const next = new URLSearchParams(old);
        if (text === '') next.delete('q');
        else next.set('q', text);
        return next;
      },
      { replace: true },
    );

  const nothingYet = list.isSuccess && machines.length === 0 && search === '';

  return (
    <>
      <PageHeading title={t('machines.title')} about={nothingYet ? undefined : t('machines.about')} />
      <PageSection hasBodyWrapper={false} isFilled aria-label={t('machines.title')}>
        {nothingYet ? (
          <FirstSteps />
        ) : (
          <>
            <Toolbar className="amorce-toolbar">
              <ToolbarContent>
                <ToolbarItem className="amorce-search">
                  <Search value={search} onChange={setSearch} />
                </ToolbarItem>
                <ToolbarItem>
                  <Button
                    variant="primary"
                    isDisabled={ids.length === 0}
                    onClick={() => void navigate(`/restore?machines=${ids.join(',')}`)}
                  >
                    {ids.length === 0 ? t('action.restore') : t('machines.restore-count', { count: ids.length })}
                  </Button>
                </ToolbarItem>
                <ToolbarItem>
                  <Button
                    variant="secondary"
                    isDisabled={ids.length !== 1}
                    onClick={() => void navigate(`/capture?machine=${ids[0] ?? ''}`)}
                  >
                    {t('action.capture')}
                  </Button>
                </ToolbarItem>
                <ToolbarItem alignSelf="center" className="amorce-count">
                  {ids.length === 0
                    ? list.isSuccess && t('machines.count', { count: total })
                    : t('machines.chosen', { count: ids.length, total })}
                  {ids.length > 0 && (
                    <Button variant="link" onClick={() => setChosen(new Set())}>
                      {t('machines.choose-none')}
                    </Button>
                  )}
                </ToolbarItem>
              </ToolbarContent>
            </Toolbar>
            {list.isPending && <Loading />}
            {list.isError && <Problem error={list.error} retry={() => void list.refetch()} />}
            {list.isSuccess && machines.length === 0 && (
              <Nothing
                title={t('machines.none-found', { search })}
                icon={SearchIcon}
                actions={
                  <Button variant="link" onClick={() => setSearch('')}>
                    {t('machines.clear-search')}
                  </Button>
                }
              >
                {t('machines.none-found-about')}
              </Nothing>
            )}
            {machines.length > 0 && (
              <MachineTable machines={machines} chosen={chosen} onChoose={setChosen} onName={setNaming} />
            )}
            {list.hasNextPage && (
              <Content className="amorce-more">
                <Button variant="secondary" isLoading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                  {t('action.more', { shown: machines.length, total })}
                </Button>
              </Content>
            )}
          </>
        )}
      </PageSection>
      {naming !== null && <NameMachine machine={naming} onClose={() => setNaming(null)} />}
    </>
  );
}

/** A field that asks once the person paused. */
function Search({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const { t } = useLanguage();
  const [text, setText] = useState(value);
  const [shown, setShown] = useState(value);
  // The address changed by another way than this field: the field follows.
  if (shown !== value) {
    setShown(value);
    setText(value);
  }
  useEffect(() => {
    if (text === value) return undefined;
    const timer = setTimeout(() => onChange(text), SEARCH_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, value, onChange]);
  return (
    <SearchInput
      aria-label={t('machines.search')}
      placeholder={t('machines.search')}
      resetButtonLabel={t('machines.clear-search')}
      value={text}
      onChange={(_, next) => setText(next)}
      onClear={() => setText('')}
    />
  );
}
