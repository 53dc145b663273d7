/** Who did what: narrowed, read, and taken away as a file. */
import { Button, FormSelect, FormSelectOption, PageSection, TextInput } from '@patternfly/react-core';
import { ExpandableRowContent, Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { Link } from 'react-router';
import { type AuditFilters, auditQuery, PAGE_SIZE } from '../api/queries';
import type { AuditEntry } from '../api/types';
import { useLanguage } from '../language/language';
import { ActionMenu } from '../layout/action-menu';
import { download, fileAddress } from '../layout/address';
import { useAddressWords } from '../layout/address-words';
import { PageHeading } from '../layout/heading';
import { HistoryIcon } from '../layout/icons';
import { Moment } from '../layout/moment';
import { Pager } from '../layout/pager';
import { SearchField } from '../layout/search-field';
import { Loading, Nothing, Problem } from '../layout/state';
import { compare } from '../machines/record/history-changes';
import { Changes } from '../machines/record/record-history';
import { OBJECTS, placeOf, useAuditText, VERBS } from './audit-text';

const NAMES = ['q', 'object', 'verb', 'actor', 'from', 'to'] as const;
type Name = (typeof NAMES)[number];

/** The filters stand in the address. */
export function ActivityPage() {
  const { t } = useLanguage();
  const { words, change, clear } = useAddressWords();
  const said = Object.fromEntries(NAMES.map((name) => [name, words.get(name) ?? ''])) as Record<Name, string>;
  const asked: AuditFilters = { ...said, from: dayStart(said.from, 0), to: dayStart(said.to, 1) };
  const key = JSON.stringify(said);
  const list = useInfiniteQuery({ ...auditQuery(asked), placeholderData: keepPreviousData });
  const [place, setPlace] = useState({ key, page: 0 });
  if (place.key !== key) setPlace({ key, page: 0 });
  const page = place.key === key ? place.page : 0;
  const shown = list.data?.pages[Math.min(page, (list.data?.pages.length ?? 1) - 1)];
  const set = useCallback((name: Name, value: string) => change({ [name]: value }), [change]);
  const search = useCallback((text: string) => set('q', text), [set]);
  const actor = useCallback((text: string) => set('actor', text), [set]);
  const goTo = (next: number) => {
    const arrive = () => setPlace({ key, page: next });
    if (next < (list.data?.pages.length ?? 0)) arrive();
    else void list.fetchNextPage().then(arrive);
  };
  return (
    <>
      <PageHeading
        title={t('activity.title')}
        about={t('activity.about')}
        actions={
          <ActionMenu
            label={t('export.button')}
            actions={[
              { label: t('export.spreadsheet'), onClick: () => download(fileAddress('/audit/export', { ...asked, separator: 'semicolon', encoding: 'utf-8-bom' })) },
              { label: t('export.plain'), onClick: () => download(fileAddress('/audit/export', asked)) },
              { label: t('export.json'), onClick: () => download(fileAddress('/audit/export', { ...asked, format: 'json' })) },
            ]}
          />
        }
      />
      <PageSection hasBodyWrapper={false} isFilled>
        <div className="amorce-bar">
          <div className="amorce-search">
            <SearchField label={t('activity.search')} value={said.q} onChange={search} />
          </div>
          <div className="amorce-filters" role="group" aria-label={t('filter.label')}>
            <SearchField label={t('activity.actor')} value={said.actor} onChange={actor} />
            <FormSelect aria-label={t('activity.object')} value={said.object} onChange={(_, value) => set('object', value)}>
              <FormSelectOption value="" label={t('activity.object')} />
              {OBJECTS.map((object) => (
                <FormSelectOption key={object} value={object} label={t(`audit.object.${object}`)} />
              ))}
            </FormSelect>
            <FormSelect aria-label={t('activity.verb')} value={said.verb} onChange={(_, value) => set('verb', value)}>
              <FormSelectOption value="" label={t('activity.verb')} />
              {VERBS.map((verb) => (
                <FormSelectOption key={verb} value={verb} label={t(`audit.verb.${verb}`)} />
              ))}
            </FormSelect>
            <label className="amorce-day">
              {t('activity.from')}
              <TextInput type="date" value={said.from} onChange={(_, value) => set('from', value)} aria-label={t('activity.from')} />
            </label>
            <label className="amorce-day">
              {t('activity.to')}
              <TextInput type="date" value={said.to} onChange={(_, value) => set('to', value)} aria-label={t('activity.to')} />
            </label>
          </div>
        </div>
        {list.isPending && <Loading />}
        {list.isError && <Problem error={list.error} retry={() => void list.refetch()} />}
        {list.isSuccess && shown?.items.length === 0 && (
          <Nothing
            title={t('activity.none')}
            icon={HistoryIcon}
            actions={
              <Button variant="link" onClick={clear}>
                {t('filter.clear')}
              </Button>
            }
          >
            {t('activity.none-about')}
          </Nothing>
        )}
        {shown !== undefined && shown.items.length > 0 && (
          <>
            <p className="amorce-count" role="status">
              {shown.counted_all ? t('activity.count', { count: shown.total }) : t('activity.count-more', { count: shown.total })}
            </p>
            <AuditTable entries={shown.items} />
          </>
        )}
        <Pager page={page} size={PAGE_SIZE} rows={shown?.items.length ?? 0} total={shown?.total ?? 0} hasNext={list.hasNextPage || page + 1 < (list.data?.pages.length ?? 0)} isLoading={list.isFetchingNextPage} onPage={goTo} />
      </PageSection>
    </>
  );
}

function AuditTable({ entries }: { entries: AuditEntry[] }) {
  const { t } = useLanguage();
  const auditText = useAuditText();
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const toggle = (seq: number) => setOpen((old) => (old.has(seq) ? new Set([...old].filter((each) => each !== seq)) : new Set([...old, seq])));
  return (
    <Table aria-label={t('activity.title')} variant="compact" gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          <Th screenReaderText={t('activity.details')} />
          <Th>{t('activity.when')}</Th>
          <Th>{t('activity.who')}</Th>
          <Th width={50}>{t('activity.what')}</Th>
          <Th>{t('activity.where')}</Th>
        </Tr>
      </Thead>
      {entries.map((entry, row) => {
        const changes = compare(entry.before, entry.after);
        const isOpen = open.has(entry.seq);
        const to = placeOf(entry);
        return (
          <Tbody key={entry.seq} isExpanded={isOpen}>
            <Tr>
              <Td
                expand={
                  changes.length === 0
                    ? undefined
                    : { rowIndex: row, isExpanded: isOpen, onToggle: () => toggle(entry.seq), expandId: 'audit' }
                }
              />
              <Td dataLabel={t('activity.when')} modifier="nowrap">
                <Moment at={entry.at} />
              </Td>
              <Td dataLabel={t('activity.who')}>{entry.actor}</Td>
              <Td dataLabel={t('activity.what')}>{to === '' ? auditText(entry) : <Link to={to}>{auditText(entry)}</Link>}</Td>
              <Td dataLabel={t('activity.where')}>
                <span className="amorce-code">{entry.peer ?? '–'}</span>
              </Td>
            </Tr>
            {changes.length > 0 && (
              <Tr isExpanded={isOpen}>
                <Td />
                <Td colSpan={4}>
                  <ExpandableRowContent>
                    <Changes changes={changes} />
                  </ExpandableRowContent>
                </Td>
              </Tr>
            )}
          </Tbody>
        );
      })}
    </Table>
  );
}

/** Local midnight of a day, `plus` days later; empty for no day. */
function dayStart(day: string, plus: number): string {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
  if (match === null) return '';
  return new Date(Number(match[1]), Number(match[2]) - 1, Number(match[3]) + plus).toISOString();
}
